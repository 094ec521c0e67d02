import { Context, sleep } from '@aplomb/kernel'
import type { TestClock } from '@aplomb/kernel/testing'
import fc from 'fast-check'
import {
  failAfter,
  forEachConcurrent,
  moveOnAfter,
  resource,
  scope,
  shield,
  taskGroup,
  type Task,
  type TaskGroup
} from '../src/index.ts'

/** A program: what it does, for how many milliseconds, and what is inside. */
export type Program =
  | { readonly kind: 'work' | 'fail' | 'stubborn'; readonly ms: number }
  | {
      readonly kind: 'group'
      readonly ms: number
      readonly ends: 'returns' | 'throws' | 'awaits' | 'cancels'
      readonly supervised: boolean
      readonly maxConcurrent: number
      readonly timeoutMs: number
      readonly cancelled: readonly number[]
      readonly children: readonly Program[]
    }
  | { readonly kind: 'each'; readonly concurrency: number; readonly children: readonly Program[] }
  | { readonly kind: 'shield'; readonly child: Program }
  | { readonly kind: 'brief shield'; readonly timeoutMs: number; readonly ms: number }
  | { readonly kind: 'fail after' | 'move on after'; readonly ms: number; readonly child: Program }
  | {
      readonly kind: 'scope'
      readonly cleanups: readonly { readonly ms: number; readonly fails: boolean }[]
      readonly child: Program
    }

const ms = fc.integer({ min: 0, max: 30 }).map((tens) => 10 * tens)

/** Random programs, some levels deep. */
export const programs: fc.Arbitrary<Program> = fc.letrec<{ any: Program; root: Program }>((tie) => {
  const children = fc.array(tie('any'), { maxLength: 4, size: 'max' })
  const leaf = fc.record({
    kind: fc.constantFrom('work' as const, 'work' as const, 'fail' as const, 'stubborn' as const),
    ms
  })
  const groupOf = (children: fc.Arbitrary<Program[]>): fc.Arbitrary<Program> =>
    fc.record({
      kind: fc.constant('group' as const),
      ms,
      ends: fc.constantFrom(
        'returns' as const,
        'throws' as const,
        'awaits' as const,
        'cancels' as const
      ),
      supervised: fc.boolean(),
      maxConcurrent: fc.constantFrom(1, 2, Number.POSITIVE_INFINITY),
      timeoutMs: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), ms),
      cancelled: fc.array(ms, { maxLength: 2 }),
      children
    })
  const group = groupOf(children)
  const cleanup = fc.record({ ms, fails: fc.boolean() })
  const any: fc.Arbitrary<Program> = fc.oneof(
    { maxDepth: 5, depthSize: 'max', withCrossShrink: true },
    leaf,
    group,
    group,
    fc.record({
      kind: fc.constant('each' as const),
      concurrency: fc.integer({ min: 1, max: 3 }),
      children
    }),
    fc.record({ kind: fc.constant('shield' as const), child: tie('any') }),
    fc.record({ kind: fc.constant('brief shield' as const), timeoutMs: ms, ms }),
    fc.record({
      kind: fc.constantFrom('fail after' as const, 'move on after' as const),
      ms,
      child: tie('any')
    }),
    fc.record({
      kind: fc.constant('scope' as const),
      cleanups: fc.array(cleanup, { maxLength: 3 }),
      child: tie('any')
    })
  )
  const root = groupOf(fc.array(tie('any'), { minLength: 2, maxLength: 5, size: 'max' }))
  return { any, root }
}).root

/** Runs programs and keeps the books that the laws are checked against. */
export class Interpreter {
  /** Every error that a program made and threw. */
  readonly thrown: Error[] = []
  /** What was wrong, in words. */
  readonly violations: string[] = []
  opened = 0
  disposed = 0
  private readonly clock: TestClock
  private numbered = 0

  constructor(clock: TestClock) {
    this.clock = clock
  }

  /** `live` counts, for each group around, what has not ended. */
  async run(program: Program, live: readonly { count: number }[]): Promise<void> {
    for (const group of live) group.count++
    try {
      await this.perform(program, live)
    } finally {
      for (const group of live) group.count--
    }
  }

  private async perform(program: Program, live: readonly { count: number }[]): Promise<void> {
    const context = Context.current()
    switch (program.kind) {
      case 'work':
        return sleep(this.clock, program.ms, context)
      case 'stubborn':
        return sleep(this.clock, program.ms)
      case 'fail':
        await sleep(this.clock, program.ms, context)
        throw this.error()
      case 'group':
        return this.group(program, live)
      case 'each':
        return forEachConcurrent(program.children, (child) => this.run(child, live), {
          concurrency: program.concurrency
        })
      case 'shield':
        return shield(() => this.run(program.child, live), { timeoutMs: Number.POSITIVE_INFINITY })
      case 'brief shield': {
        const { ms, timeoutMs } = program
        return this.shieldBriefly(ms, timeoutMs, live)
      }
      case 'fail after':
        return failAfter(program.ms, () => this.run(program.child, live))
      case 'move on after':
        return moveOnAfter(program.ms, () => this.run(program.child, live))
      case 'scope':
        return this.scope(program, live)
    }
  }

  private async group(
    program: Program & { kind: 'group' },
    live: readonly { count: number }[]
  ): Promise<void> {
    const { supervised, maxConcurrent, timeoutMs } = program
    const own = { count: 0 }
    const body = async (group: TaskGroup): Promise<void> => {
      const tasks = program.children.map((child) =>
        group.spawn(() => this.run(child, [...live, own]))
      )
      for (const [index, ms] of program.cancelled.entries()) this.cancelLater(tasks[index], ms)
      own.count++
      try {
        await this.body(program, group, tasks)
      } finally {
        own.count--
      }
    }
    try {
      await taskGroup(body, { supervised, maxConcurrent, timeoutMs })
    } finally {
      if (own.count !== 0) this.violations.push(`${own.count} children outlived their group`)
    }
  }

  private async body(
    program: Program & { kind: 'group' },
    group: TaskGroup,
    tasks: readonly Task[]
  ): Promise<void> {
    if (program.ends === 'awaits') await Promise.all(tasks)
    await sleep(this.clock, program.ms, group.context)
    if (program.ends === 'throws') throw this.error()
    if (program.ends === 'cancels') group.cancel()
  }

  private cancelLater(task: Task | undefined, ms: number): void {
    if (task !== undefined) this.clock.setTimer(() => task.cancel(), ms)
  }

  private async shieldBriefly(
    ms: number,
    timeoutMs: number,
    live: readonly { count: number }[]
  ): Promise<void> {
    try {
      await shield(() => this.run({ kind: 'work', ms }, live), { timeoutMs })
    } catch (error) {
      // Our own error to account for: the shield made it, and must not be lost either.
      this.thrown.push(error as Error)
      throw error
    }
  }

  private scope(
    program: Program & { kind: 'scope' },
    live: readonly { count: number }[]
  ): Promise<void> {
    const order: number[] = []
    return scope(async (root) => {
      for (const [index, cleanup] of program.cleanups.entries()) {
        await root.open(
          resource(
            () => {
              order.push(index)
              this.opened++
            },
            () => this.dispose(index, order, cleanup)
          )
        )
      }
      await this.run(program.child, live)
    }).finally(() => {
      if (order.length > 0) this.violations.push('a scope ended before its clean-ups')
    })
  }

  private async dispose(
    index: number,
    order: number[],
    { ms, fails }: { ms: number; fails: boolean }
  ): Promise<void> {
    if (order.at(-1) !== index) this.violations.push(`disposed ${index} of ${order.join(', ')}`)
    this.disposed++
    await sleep(this.clock, ms, Context.current())
    order.pop()
    if (fails) throw this.error()
  }

  private error(): Error {
    const error = new Error(`error ${++this.numbered}`)
    this.thrown.push(error)
    return error
  }
}
