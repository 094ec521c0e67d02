import { TestClock } from '@aplomb/kernel/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rateLimiter } from '../src/index.ts'

const runs = { numRuns: process.env['APLOMB_STRESS'] === '1' ? 5000 : 250 }
const reason = new Error('enough')
/** The sums of times that are thirds of milliseconds are off by less. */
const ROUNDING = 1e-6

const rateCommands = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('acquire' as const),
      weight: fc.integer({ min: 1, max: 3 }),
      key: fc.constantFrom('', 'a', 'b'),
      priority: fc.integer({ min: 0, max: 1 }),
      timeoutMs: fc.option(fc.integer({ min: 0, max: 200 }), { nil: undefined })
    }),
    fc.record({
      kind: fc.constant('reserve' as const),
      weight: fc.integer({ min: 1, max: 3 }),
      key: fc.constantFrom('', 'a', 'b'),
      cancel: fc.boolean()
    }),
    fc.record({ kind: fc.constant('abort' as const), pick: fc.nat() }),
    fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 120 }) }),
    fc.record({ kind: fc.constant('jump' as const), ms: fc.integer({ min: -300, max: 100 }) }),
    fc.record({ kind: fc.constant('pause' as const), ms: fc.integer({ min: 0, max: 80 }) }),
    fc.record({
      kind: fc.constant('try' as const),
      weight: fc.integer({ min: 1, max: 3 }),
      key: fc.constantFrom('', 'a', 'b')
    }),
    fc.record({ kind: fc.constant('cancel' as const), pick: fc.nat() }),
    fc.record({
      kind: fc.constant('feedback' as const),
      key: fc.constantFrom('', 'a', 'b'),
      said: fc.oneof(
        fc.record({ remaining: fc.nat(3), resetMs: fc.nat(150) }),
        fc.record({ retryAfterMs: fc.nat(100) })
      )
    })
  ),
  { maxLength: 50, size: 'max' }
)

interface Start {
  readonly at: number
  readonly weight: number
  readonly key: string
}

const windows = [
  { name: 'a window', spec: { limit: 4, perMs: 100 }, limits: [[4, 100, false]] },
  {
    name: 'two windows',
    spec: ['3/40ms', '5/100ms'],
    limits: [
      [3, 40, false],
      [5, 100, false]
    ]
  },
  {
    name: 'a window each and one for all',
    spec: [
      { limit: 4, perMs: 100 },
      { limit: 6, perMs: 100, shared: true }
    ],
    limits: [
      [4, 100, false],
      [6, 100, true]
    ]
  },
  {
    name: 'a long window each and a short one for all',
    spec: [
      { limit: 3, perMs: 300 },
      { limit: 4, perMs: 100, shared: true }
    ],
    limits: [
      [3, 300, false],
      [4, 100, true]
    ]
  },
  {
    name: 'a long window each and a bucket for all',
    spec: [
      { limit: 3, perMs: 300 },
      { limit: 5, perMs: 100, shared: true, algorithm: 'gcra', burst: 3 }
    ],
    limits: [
      [3, 300, false],
      [8, 100, true]
    ]
  },
  { name: 'a paced window', spec: { limit: 6, perMs: 90, burst: 3 }, limits: [[6, 90, false]] }
] as const

describe.each(windows)('a rate limiter of $name', ({ spec, limits }) => {
  it('never exceeds a window, keeps no timer, and lets everyone in or out in the end', async () => {
    await fc.assert(
      fc.asyncProperty(rateCommands, async (commands) => {
        const clock = new TestClock()
        const limiter = rateLimiter(spec, { clock })
        // Time as it really passes: the clock's, less what it was set back or on.
        let trueOffset = 0
        const starts: Start[] = []
        const reserved: { readonly start: Start; readonly cancel: () => void }[] = []
        const aborts: AbortController[] = []
        const pending = new Set<Promise<unknown>>()
        for (const command of commands) {
          if (command.kind === 'acquire') {
            const { weight, key, priority, timeoutMs } = command
            const controller = new AbortController()
            aborts.push(controller)
            const options = { weight, key, priority, timeoutMs, signal: controller.signal }
            const call = limiter.acquire(options).then(
              () => starts.push({ at: clock.now() - trueOffset, weight, key }),
              () => undefined
            )
            pending.add(call)
          } else if (command.kind === 'reserve') {
            const { weight, key } = command
            const reservation = limiter.reserve({ weight, key })
            if (command.cancel) reservation.cancel()
            else {
              const start = { at: reservation.at - trueOffset, weight, key }
              starts.push(start)
              reserved.push({ start, cancel: () => reservation.cancel() })
            }
          } else if (command.kind === 'cancel') {
            // However late: it is a call that was not made.
            const [late] = reserved.splice(command.pick % Math.max(1, reserved.length), 1)
            late?.cancel()
            if (late !== undefined) starts.splice(starts.indexOf(late.start), 1)
          } else if (command.kind === 'try') {
            const { weight, key } = command
            const permit = limiter.tryAcquire({ weight, key })
            if (permit !== undefined) starts.push({ at: clock.now() - trueOffset, weight, key })
          } else if (command.kind === 'feedback') {
            limiter.applyFeedback({ ...command.said, key: command.key })
          } else if (command.kind === 'abort') {
            aborts[command.pick % Math.max(1, aborts.length)]?.abort(reason)
          } else if (command.kind === 'pause') {
            limiter.pause(clock.now() + command.ms)
          } else if (command.kind === 'jump') {
            await clock.settle()
            // A limiter can only see a jump when it reads the clock before and after.
            limiter.available()
            clock.jump(command.ms)
            trueOffset += Math.min(0, command.ms)
            limiter.available()
          } else {
            await clock.advance(command.ms)
          }
        }
        limiter.resume()
        await clock.runAll()
        await Promise.all(pending)
        expect(limiter.queued).toBe(0)
        expect(clock.pendingTimers).toBe(0)
        for (const [limit, perMs, shared] of limits) {
          const keys = shared ? [undefined] : ['', 'a', 'b']
          for (const key of keys) expectWindow(starts, limit, perMs, key)
        }
      }),
      runs
    )
  })
})

function expectWindow(
  starts: readonly Start[],
  limit: number,
  perMs: number,
  key: string | undefined
): void {
  const own = starts
    .filter((start) => key === undefined || start.key === key)
    .toSorted((a, b) => a.at - b.at)
  for (const { at } of own) {
    const inWindow = own.filter((start) => start.at > at - perMs + ROUNDING && start.at <= at)
    const sum = inWindow.reduce((total, { weight }) => total + weight, 0)
    expect(sum).toBeLessThanOrEqual(limit)
  }
}
