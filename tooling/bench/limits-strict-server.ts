// "100 per second" against a server that counts a sliding window strictly: idle for half a second,
// then 800 calls queued at once; how many it has accepted (ideal: 500) and refused after 5 s. The
// second table is the same with 1 to 80 ms on the way there, and back. Not a question of speed,
// so it prints its own tables.
import { rateLimiter, type RateLimiterOptions, type RateSpec } from '@aplomb/limits'
import { RateLimit } from 'async-sema'
import Bottleneck from 'bottleneck'
import { RateLimiter } from 'limiter'
import PQueue from 'p-queue'
import pThrottle from 'p-throttle'
import { RateLimiterMemory, RateLimiterQueue } from 'rate-limiter-flexible'
import type { Answer } from './harness.ts'

const LIMIT = 100
const PER_MS = 1000
const CALLS = 800
const DURATION_MS = 5000

type Send = () => Promise<void>
/** Gives the function that sends one call as soon as the limiter lets it. */
type Limited = (send: Send) => () => Promise<unknown>

const peers: Record<string, () => Limited> = {
  'p-queue': () => {
    const queue = new PQueue({ intervalCap: LIMIT, interval: PER_MS })
    return (send) => () => queue.add(send)
  },
  'p-queue, strict': () => {
    const queue = new PQueue({ intervalCap: LIMIT, interval: PER_MS, strict: true })
    return (send) => () => queue.add(send)
  },
  'bottleneck, minTime': () => {
    const bottleneck = new Bottleneck({ minTime: PER_MS / LIMIT })
    return (send) => () => bottleneck.schedule(send)
  },
  limiter: () => {
    const limiter = new RateLimiter({ tokensPerInterval: LIMIT, interval: PER_MS })
    return (send) => async () => {
      await limiter.removeTokens(1)
      await send()
    }
  },
  'rate-limiter-flexible, queue': () => {
    const memory = new RateLimiterMemory({ points: LIMIT, duration: PER_MS / 1000 })
    const queue = new RateLimiterQueue(memory)
    return (send) => async () => {
      await queue.removeTokens(1)
      await send()
    }
  },
  'p-throttle, strict': () => {
    const throttle = pThrottle({ limit: LIMIT, interval: PER_MS, strict: true })
    return (send) => throttle(send)
  },
  'async-sema, uniform': () => {
    const wait = RateLimit(LIMIT, { timeUnit: PER_MS, uniformDistribution: true })
    return (send) => async () => {
      await wait()
      await send()
    }
  }
}

function ours(spec: RateSpec, options?: RateLimiterOptions): () => Limited {
  return () => {
    const limiter = rateLimiter(spec, options)
    return (send) => () => limiter.execute(send)
  }
}

const window = { limit: LIMIT, perMs: PER_MS }
const limits: Record<string, () => Limited> = {
  rateLimiter: ours(window),
  'rateLimiter, burst 10': ours({ ...window, burst: 10 }),
  'rateLimiter, gcra': ours({ ...window, algorithm: 'gcra' }),
  'rateLimiter, strict': ours(window, { strict: true })
}

async function measure(create: () => Limited, latency: () => number): Promise<string> {
  const limited = create()
  await pause(500)
  const log: number[] = []
  let accepted = 0
  let refused = 0
  const receive = (): void => {
    const now = performance.now()
    while (log.length > 0 && (log[0] as number) <= now - PER_MS) log.shift()
    if (log.length >= LIMIT) refused++
    else {
      log.push(now)
      accepted++
    }
  }
  const call = limited(async () => {
    const travel = latency()
    if (travel > 0) await pause(travel)
    receive()
    if (travel > 0) await pause(latency())
  })
  for (let count = 0; count < CALLS; count++) void Promise.resolve(call()).catch(() => undefined)
  await pause(DURATION_MS)
  return `${String(accepted).padStart(4)} accepted ${String(refused).padStart(4)} refused`
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms))
}

async function table(title: string, latency: () => number): Promise<void> {
  process.stdout.write(`\n${title}\n`)
  for (const [name, create] of Object.entries({ ...limits, ...peers })) {
    process.stdout.write(`  ${name.padEnd(30)} ${await measure(create, latency)}\n`)
  }
}

export default async function limitsStrictServer(): Promise<Answer[]> {
  await table('A server that counts strictly, 5 s, ideal 500', () => 0)
  await table('The same behind 1 to 80 ms each way', () => 1 + Math.random() * 79)
  return []
}
