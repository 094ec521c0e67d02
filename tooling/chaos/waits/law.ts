import { getEventListeners } from 'node:events'
import { Context, endOfTurn } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { describe, expect, test } from 'vitest'

/** What a caller says about the wait; nothing where the ambient context says it. */
export interface Said {
  readonly signal?: AbortSignal
}

/** A world in which a call has to wait. */
export interface World {
  /** Begins the wait. */
  wait(said: Said): Promise<unknown>
  /** Resolves when it surely waits. Default: after a turn of the event loop. */
  waiting?(): Promise<unknown>
  /** Lets happen what is waited for, synchronously where that can be. Twice does no more. */
  grant?(): unknown
  /** Gives back what the wait got. Absent: what was got is used up. */
  giveBack?(got: unknown): unknown
  /** Checks, after the grant, that nothing is held by who went away: the next one gets in. */
  free(): unknown
  /** Checks that a call which was aborted before has not even begun. */
  untouched?(): unknown
  /** How many timers are pending when all is over. Default: as many as before the wait. */
  readonly rest?: number
  /** Takes the world down. */
  end?(): unknown
}

/** A row of the table: where a call waits. */
export interface Wait {
  readonly name: string
  readonly make: (clock: TestClock) => World | Promise<World>
}

type Settled = { readonly value: unknown } | { readonly error: unknown }

/** A wait that has begun, and how it ends. */
class Caller {
  settled: Settled | undefined = undefined
  readonly reason: object = { unique: true }
  private readonly controller = new AbortController()

  constructor(begin: (signal: AbortSignal) => Promise<unknown>, aborted = false) {
    if (aborted) this.abort()
    begin(this.controller.signal).then(
      (value) => (this.settled = { value }),
      (error: unknown) => (this.settled = { error })
    )
  }

  abort(): void {
    this.controller.abort(this.reason)
  }

  expectReason(): void {
    expect(this.settled).toEqual({ error: this.reason })
    expect((this.settled as { error: unknown }).error).toBe(this.reason)
  }

  get listeners(): number {
    return getEventListeners(this.controller.signal, 'abort').length
  }
}

/** The two ways to say that a call may be cancelled. */
const doors = {
  'its own signal': (world: World) => (signal: AbortSignal) => world.wait({ signal }),
  'the ambient context': (world: World) => (signal: AbortSignal) =>
    Context.use({ signal }, (context) => context.run(async () => await world.wait({})))
}

async function withWorld(
  { make }: Wait,
  body: (world: World, expectRest: () => void) => Promise<void>
): Promise<void> {
  const clock = new TestClock()
  const world = await make(clock)
  try {
    const rest = world.rest ?? clock.pendingTimers
    await body(world, () => expect(clock.pendingTimers).toBeLessThanOrEqual(rest))
  } finally {
    await world.end?.()
  }
}

/** Lets turns of the event loop pass until something is so; the network may take some. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 5000
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`It never came true: ${String(holds)}`)
    await endOfTurn()
  }
}

const waits = async (world: World): Promise<unknown> => await (world.waiting?.() ?? endOfTurn())

/**
 * Law 1, for each wait: it ends at once on abort with the caller's own reason, leaves no timer and
 * no listener, and what it waited for goes to the next one, even when the grant and the abort come
 * in the same tick.
 */
export function obeysLaw1(table: readonly Wait[]): void {
  describe.each(table)('$name', (row) => {
    describe.each(Object.entries(doors))('cancelled by %s', (_, through) => {
      test('ends within one turn, with the very reason, and leaves nothing', async () => {
        await withWorld(row, async (world, expectRest) => {
          const caller = new Caller(through(world))
          await waits(world)
          expect(caller.settled).toBeUndefined()
          caller.abort()
          await endOfTurn()
          caller.expectReason()
          expect(caller.listeners).toBe(0)
          await world.grant?.()
          await endOfTurn()
          await world.free()
          expectRest()
        })
      })

      test('does not begin where it was aborted before', async () => {
        await withWorld(row, async (world, expectRest) => {
          const caller = new Caller(through(world), true)
          await endOfTurn()
          caller.expectReason()
          expect(caller.listeners).toBe(0)
          await world.untouched?.()
          await world.grant?.()
          await endOfTurn()
          await world.free()
          expectRest()
        })
      })

      test('loses nothing when it is aborted just before what it waits for comes', async () => {
        await withWorld(row, async (world, expectRest) => {
          if (world.grant === undefined) return
          const caller = new Caller(through(world))
          await waits(world)
          caller.abort()
          const granted = world.grant()
          await endOfTurn()
          caller.expectReason()
          expect(caller.listeners).toBe(0)
          await granted
          await endOfTurn()
          await world.free()
          expectRest()
        })
      })

      test('loses nothing when it is aborted just after what it waits for has come', async () => {
        await withWorld(row, async (world, expectRest) => {
          if (world.grant === undefined) return
          const caller = new Caller(through(world))
          await waits(world)
          const granted = world.grant()
          caller.abort()
          await endOfTurn()
          expect(caller.settled).toBeDefined()
          const { settled } = caller as { settled: Settled }
          await granted
          if ('error' in settled) caller.expectReason()
          else await world.giveBack?.(settled.value)
          expect(caller.listeners).toBe(0)
          await endOfTurn()
          if ('error' in settled || world.giveBack !== undefined) await world.free()
          expectRest()
        })
      })

      test('leaves nothing on a signal that is never aborted', async () => {
        await withWorld(row, async (world, expectRest) => {
          if (world.grant === undefined) return
          const caller = new Caller(through(world))
          await waits(world)
          await world.grant()
          await until(() => caller.settled !== undefined)
          expect(caller.settled).toHaveProperty('value')
          await world.giveBack?.((caller.settled as { value: unknown }).value)
          await endOfTurn()
          expect(caller.listeners).toBe(0)
          expectRest()
        })
      })
    })
  })
}
