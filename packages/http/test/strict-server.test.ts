import { seededRandom } from '@aplomb/kernel/testing'
import { expect, it } from 'vitest'
import { createClient } from '../src/index.ts'
import { serve } from './server.ts'

const LIMIT = 80
const WINDOW_MS = 200
const stress = process.env['APLOMB_STRESS'] === '1'

/**
 * A server that counts exactly, as each request arrives, in a sliding window, and answers as a bad
 * day would have it: 5 % 503, 2 % resets, 1 % never, the rest after up to 30 ms.
 */
it('a strict server with faults refuses nothing, at nine tenths of what it allows', async () => {
  const random = seededRandom(7)
  const log: number[] = []
  let refused = 0
  const arrivals: number[] = []
  const { origin } = await serve((request, response) => {
    const now = performance.now()
    while (log.length > 0 && (log[0] as number) <= now - WINDOW_MS) log.shift()
    if (log.length >= LIMIT) {
      refused++
      response.writeHead(429, { 'retry-after': '1' }).end()
      return
    }
    log.push(now)
    arrivals.push(now)
    const dice = random()
    setTimeout(() => {
      if (dice < 0.05) response.writeHead(503).end()
      else if (dice < 0.07) request.socket.resetAndDestroy()
      else if (dice > 0.08) response.end('{}')
    }, random() * 30)
  })
  await using client = createClient(origin, {
    limits: { rate: { limit: LIMIT, perMs: WINDOW_MS }, concurrency: 64 },
    timeout: { attemptMs: 1000 },
    retry: { maxRetries: 6, backoff: 20 },
    breaker: { failureRatio: 0.5 }
  })
  await client.get('/warm').json()
  const count = stress ? 8000 : 800
  const all = Array.from({ length: count }, (_, index) => client.get(`/${index}`).json())
  expect(await Promise.all(all)).toHaveLength(count)
  expect(refused).toBe(0)
  // From the second window on, without the last requests, of which some wait out a fault.
  const steady = arrivals.slice(LIMIT, Math.floor(arrivals.length * 0.9))
  const seconds = ((steady.at(-1) as number) - (steady[0] as number)) / 1000
  const allowed = LIMIT / (WINDOW_MS / 1000)
  // A window this short makes latency weigh five times as much as in one of a second.
  expect(steady.length / seconds / allowed).toBeGreaterThan(stress ? 0.8 : 0.7)
})
