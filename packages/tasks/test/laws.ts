import { sleep, type Context } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { expect } from 'vitest'
import { TasksFailedError } from '../src/index.ts'

/** What a law is tried with: a clock, a caller who can cancel, and a list of what happened. */
export class Trial {
  readonly clock: TestClock = new TestClock()
  readonly caller: AbortController = new AbortController()
  readonly reason = { why: 'the caller had enough' }
  readonly log: string[] = []

  /** Work that takes `ms`, and notes when it is told to stop. */
  work<T>(name: string, ms: number, value?: T): (context: Context) => Promise<T> {
    return async (context) => {
      try {
        await sleep(this.clock, ms, context)
      } catch (error) {
        this.log.push(`${name} stopped`)
        throw error
      }
      this.log.push(`${name} done`)
      return value as T
    }
  }

  /** Work that fails with `error` after `ms`. */
  crash(error: unknown, ms = 0): (context: Context) => Promise<never> {
    return async (context) => {
      if (ms > 0) await sleep(this.clock, ms, context)
      throw error
    }
  }

  /** Cancels as the caller would, after `ms`. */
  cancelAfter(ms: number): void {
    this.clock.setTimer(() => this.caller.abort(this.reason), ms)
  }

  /** Lets time pass until `promise` has settled, and says how. */
  async outcome<T>(promise: Promise<T>): Promise<{ value: T } | { error: unknown }> {
    const settled = promise.then(
      (value) => ({ value }),
      (error: unknown) => ({ error })
    )
    await this.clock.runAll()
    return settled
  }

  /** The errors of the one AggregateError that `promise` rejects with. */
  async errorsOf(promise: Promise<unknown>): Promise<unknown[]> {
    const outcome = await this.outcome(promise)
    expect(outcome).toHaveProperty('error')
    const { error } = outcome as { error: unknown }
    expect(error).toBeInstanceOf(TasksFailedError)
    return (error as TasksFailedError).errors
  }
}

/** The sentence of the law, where it comes from, and the trial that it must stand. */
export type Law = readonly [law: string, source: string, trial: (t: Trial) => Promise<void>]
