import { getEventListeners } from 'node:events'
import { Context, DeadlineUnreachableError } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TaskTimeoutError, taskTree } from '../src/index.ts'
import { Interpreter, programs, type Program } from './programs.ts'

const numRuns = process.env['APLOMB_STRESS'] === '1' ? 20_000 : 1000

/** All errors that came out, those inside of AggregateErrors. */
function flatten(error: unknown): unknown[] {
  return error instanceof AggregateError ? error.errors.flatMap(flatten) : [error]
}

/** What may come out besides the programs' own errors: the caller's reason, and ours. */
function isKnown(error: unknown, thrown: readonly unknown[], reason: object): boolean {
  if (thrown.includes(error) || error === reason) return true
  if (error instanceof TaskTimeoutError || error instanceof DeadlineUnreachableError) return true
  return error instanceof DOMException && error.name === 'AbortError'
}

interface Run {
  readonly clock: TestClock
  readonly interpreter: Interpreter
  readonly reported: readonly unknown[]
  readonly listeners: number
  readonly reason: object
}

async function run(program: Program, abortAfter: number | undefined): Promise<Run> {
  const clock = new TestClock()
  const interpreter = new Interpreter(clock)
  const caller = new AbortController()
  const reason = { why: 'the caller had enough' }
  if (abortAfter !== undefined) clock.setTimer(() => caller.abort(reason), abortAfter)
  const context = Context.from({ signal: caller.signal }, clock)
  const outcome = context
    .run(() => interpreter.run(program, []))
    .then(
      () => [],
      (error: unknown) => flatten(error)
    )
  await clock.runAll()
  const reported = await outcome
  context.close()
  return {
    clock,
    interpreter,
    reported,
    listeners: getEventListeners(caller.signal, 'abort').length,
    reason
  }
}

describe('random programs', () => {
  it('keep the laws', async () => {
    const unhandled: unknown[] = []
    const onUnhandled = (error: unknown): void => void unhandled.push(error)
    process.on('unhandledRejection', onUnhandled)
    const abortAfter = fc.option(fc.integer({ min: 0, max: 400 }), { nil: undefined })
    await fc.assert(
      fc.asyncProperty(programs, abortAfter, async (program, abortAfter) => {
        const { clock, interpreter, reported, listeners, reason } = await run(program, abortAfter)
        const { violations, thrown, opened, disposed } = interpreter
        expect(violations).toEqual([])
        const counts = thrown.map((error) => [
          error.message,
          reported.filter((one) => one === error).length
        ])
        expect(counts).toEqual(thrown.map((error) => [error.message, 1]))
        expect(reported.filter((error) => !isKnown(error, thrown, reason))).toEqual([])
        expect(disposed).toBe(opened)
        expect({ timers: clock.pendingTimers, listeners, tree: taskTree() }).toEqual({
          timers: 0,
          listeners: 0,
          tree: []
        })
      }),
      { numRuns }
    )
    process.off('unhandledRejection', onUnhandled)
    expect(unhandled).toEqual([])
  }, 120_000)
})
