// Structured concurrency against the limiters that people use: 100,000 tasks that do nothing against
// p-limit (bars: 1.5 × its time, 600 B a task), a million items at 64 against p-map (bar: 1.5 × its
// speed, in constant memory), listeners of 50,000 tasks under one signal, and how long the event
// loop is held up by work for the processor (bar: p99 of 10 ms with offload).
import { getEventListeners } from 'node:events'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { forEachConcurrent, mapConcurrent, offload, taskGroup } from '@aplomb/tasks'
import pLimit from 'p-limit'
import pMap, { pMapIterable } from 'p-map'
import { ask, type Answer } from './harness.ts'

const TASKS = 100_000
const ITEMS = 1_000_000
const CONCURRENCY = 64

export default async function questions(): Promise<readonly Answer[]> {
  const answers = [await tasks(), await items()]
  note(`memory of a spawned task: ${(await bytesPerTask()).toFixed(0)} B`)
  note(`heap after a million items less that after ten thousand: ${await heapGrowth()} KB`)
  note(`listeners on the signal of 50,000 tasks that wait: ${await listeners()}`)
  note(`p99 of the loop's delay, 8 jobs of 200 ms offloaded: ${await delayOffloaded()} ms`)
  note(`p99 of the loop's delay, the same inline: ${await delayInline()} ms`)
  return answers
}

async function noop(): Promise<void> {}

function tasks(): Promise<Answer> {
  return ask({
    title: `${TASKS} tasks that do nothing`,
    baseline: 'p-limit',
    contenders: [
      {
        name: 'p-limit',
        async round() {
          const limit = pLimit(CONCURRENCY)
          await Promise.all(Array.from({ length: TASKS }, () => limit(noop)))
          return TASKS
        }
      },
      { name: 'taskGroup', round: () => spawnAll(Number.POSITIVE_INFINITY) },
      { name: `taskGroup, ${CONCURRENCY} at once`, round: () => spawnAll(CONCURRENCY) }
    ]
  })
}

async function spawnAll(maxConcurrent: number): Promise<number> {
  await taskGroup(
    (group) => {
      for (let index = 0; index < TASKS; index++) group.spawn(noop)
    },
    { maxConcurrent }
  )
  return TASKS
}

function* numbers(count: number): Generator<number> {
  for (let index = 0; index < count; index++) yield index
}

async function double(value: number): Promise<number> {
  return value * 2
}

async function consume(results: AsyncIterable<number>): Promise<number> {
  let sum = 0
  for await (const result of results) sum += result
  if (sum === 0) throw new Error('nothing was mapped')
  return ITEMS
}

function items(): Promise<Answer> {
  const concurrency = CONCURRENCY
  return ask({
    title: `${ITEMS} items through an async mapper, ${CONCURRENCY} at once`,
    baseline: 'p-map',
    rounds: 7,
    contenders: [
      {
        name: 'p-map',
        round: async () => (await pMap(numbers(ITEMS), double, { concurrency })).length
      },
      {
        name: 'p-map, iterable',
        round: () => consume(pMapIterable(numbers(ITEMS), double, { concurrency }))
      },
      {
        name: 'mapConcurrent',
        round: () => consume(mapConcurrent(numbers(ITEMS), double, { concurrency }))
      },
      {
        name: 'mapConcurrent, unordered',
        round: () => consume(mapConcurrent(numbers(ITEMS), double, { concurrency, ordered: false }))
      },
      {
        name: 'forEachConcurrent',
        async round() {
          await forEachConcurrent(numbers(ITEMS), double, { concurrency })
          return ITEMS
        }
      }
    ]
  })
}

/** Collected where it can be (`node --expose-gc`), else an upper bound. */
function heapUsed(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

async function bytesPerTask(): Promise<number> {
  const before = heapUsed()
  return await taskGroup((group) => {
    for (let index = 0; index < TASKS; index++) group.spawn(noop)
    return (heapUsed() - before) / TASKS
  })
}

/** How much more of the heap is in use at the end of a long run than at its beginning. */
async function heapGrowth(): Promise<string> {
  let count = 0
  let early = 0
  for await (const _ of mapConcurrent(numbers(ITEMS), double, { concurrency: CONCURRENCY })) {
    if (++count === 10_000) early = heapUsed()
  }
  return ((heapUsed() - early) / 1024).toFixed(0)
}

async function listeners(): Promise<number> {
  const { signal, abort } = controller()
  let count = 0
  const waiting = taskGroup(
    async (group) => {
      for (let index = 0; index < 50_000; index++) {
        group.spawn((context) => new Promise((_, reject) => context.listen({ onAbort: reject })))
      }
      count = getEventListeners(signal, 'abort').length
      abort()
      await Promise.resolve()
    },
    { signal }
  )
  await waiting.catch(() => undefined)
  return count
}

function controller(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort() }
}

const busy = new URL('./workers/busy.ts', import.meta.url)
const eight = Array.from({ length: 8 }, () => 200)

async function delayOffloaded(): Promise<string> {
  await offload(busy, 1)
  return await p99(() => forEachConcurrent(eight, (ms) => offload(busy, ms)))
}

/** One after the other, so that each holds the loop up by itself. */
async function delayInline(): Promise<string> {
  const { default: burn } = await import('./workers/busy.ts')
  return await p99(async () => {
    for (const ms of eight) {
      await pause(2)
      burn(ms)
    }
  })
}

/** The 99th percentile of the event loop's delay during `work`, in milliseconds. */
async function p99(work: () => Promise<unknown>): Promise<string> {
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  histogram.enable()
  // The first reading has nothing to compare itself with.
  await pause(20)
  histogram.reset()
  await work()
  await pause(5)
  histogram.disable()
  return (histogram.percentile(99) / 1e6).toFixed(1)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms))
}

function note(text: string): void {
  process.stderr.write(`${text}\n`)
}
