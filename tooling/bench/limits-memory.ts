// What a waiter and a key take of the heap. Bars: at most 400 B a waiter (p-limit 715), and memory
// bounded with 10,000 keys of which 1,000 are active. It prints its own table; run with --expose-gc.
import { concurrencyLimit, rateLimiter, Semaphore } from '@aplomb/limits'
import pLimit from 'p-limit'
import PQueue from 'p-queue'
import type { Answer } from './harness.ts'

const WAITERS = 200_000
const never = (): Promise<void> => new Promise(() => {})

async function bytesEach(count: number, act: () => unknown): Promise<number> {
  await collect()
  const before = process.memoryUsage().heapUsed
  const kept = act()
  await collect()
  const after = process.memoryUsage().heapUsed
  return kept === undefined ? 0 : (after - before) / count
}

async function collect(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.()
    await new Promise((resolve) => void setImmediate(resolve))
  }
}

function print(name: string, value: string): void {
  process.stdout.write(`  ${name.padEnd(44)} ${value}\n`)
}

async function waiters(name: string, call: () => Promise<unknown>): Promise<void> {
  const all = new Array<Promise<unknown>>(WAITERS)
  const bytes = await bytesEach(WAITERS, () => {
    for (let index = 0; index < WAITERS; index++) all[index] = call()
    return all
  })
  print(name, `${bytes.toFixed(0)} B a waiter`)
}

/** 1,000 keys that are used all the time among ever new ones: what is remembered, and its size. */
async function keys(name: string, seen: number): Promise<void> {
  const limiter = rateLimiter('1000/h')
  const bytes = await bytesEach(1, () => {
    for (let index = 0; index < seen; index++) {
      limiter.tryAcquire({ key: `active ${index % 1000}` })
      limiter.tryAcquire({ key: `passing ${index}` })
    }
    return limiter
  })
  const { keys: known = 0 } = limiter.statistics
  print(name, `${known.toLocaleString('en')} keys, ${(bytes / 1e6).toFixed(1)} MB`)
}

export default async function limitsMemory(): Promise<Answer[]> {
  process.stdout.write('\nHeap\n')
  const limit = pLimit(64)
  const queue = new PQueue({ concurrency: 64 })
  const ours = concurrencyLimit(64)
  const semaphore = new Semaphore(64)
  await waiters('p-limit', () => limit(never))
  await waiters('p-queue', () => queue.add(never))
  await waiters('concurrencyLimit', () => ours.execute(never))
  await waiters('Semaphore.acquire', () => semaphore.acquire())
  await keys('1,000 active keys among 10,000', 10_000)
  await keys('1,000 active keys among 100,000', 100_000)
  await keys('1,000 active keys among 1,000,000', 1_000_000)
  return []
}
