import { getEventListeners } from 'node:events'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Context, TimeoutError } from '../src/index.ts'
import { TestClock } from '../src/testing/index.ts'

class Recorder {
  readonly reasons: unknown[] = []
  onAbort(reason: unknown): void {
    this.reasons.push(reason)
  }
}

function listenersOf(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length
}

describe('cancellation', () => {
  it('aborts everything below with the same reason', () => {
    const parent = Context.current().child()
    const child = parent.child().with({ attempt: 2 }).child()
    const { signal } = child
    const reason = { any: 'object' }
    parent.abort(reason)
    expect(child.aborted).toBe(true)
    expect(child.reason).toBe(reason)
    expect(signal.reason).toBe(reason)
  })

  it('finds the nearest context of a kind from any below it, a copy included', () => {
    class Marked extends Context {}
    const isMarked = (context: Context): context is Marked => context instanceof Marked
    const marked = new Marked(new Marked(Context.none))
    expect(marked.with({ attempt: 2 }).child().with({ attempt: 3 }).nearest(isMarked)).toBe(marked)
    expect(Context.none.child().nearest(isMarked)).toBeUndefined()
  })

  it('leaves parents and siblings alone', () => {
    const parent = Context.current().child()
    const [first, second] = [parent.child(), parent.child()]
    first.abort(new Error('mine'))
    expect(parent.aborted).toBe(false)
    expect(second.aborted).toBe(false)
  })

  it('keeps the first reason', () => {
    const context = Context.current().child()
    context.abort('first')
    context.abort('second')
    expect(context.reason).toBe('first')
  })

  it('throws the reason itself, whatever it is', async () => {
    const context = Context.current().child()
    context.throwIfAborted()
    context.abort(undefined)
    expect(context.aborted).toBe(true)
    await expect((async () => context.throwIfAborted())()).rejects.toBe(undefined)
  })

  it('tells each listener once, and none that has left', () => {
    const parent = Context.current().child()
    const child = parent.child()
    const [stays, leaves, other] = [new Recorder(), new Recorder(), new Recorder()]
    for (const listener of [stays, leaves, other]) child.listen(listener)
    child.unlisten(leaves)
    parent.abort('over')
    parent.abort('again')
    expect(stays.reasons).toEqual(['over'])
    expect(other.reasons).toEqual(['over'])
    expect(leaves.reasons).toEqual([])
  })

  it('does not tell a listener that another one removes while being told', () => {
    const context = Context.current().child()
    const second = new Recorder()
    context.listen({ onAbort: () => context.unlisten(second) })
    context.listen(second)
    context.listen(new Recorder())
    context.abort('over')
    expect(second.reasons).toEqual([])
  })

  it('tells a listener added through `with` and removes it through either', () => {
    const context = Context.current().child()
    const view = context.with({ attempt: 3 })
    const [kept, gone] = [new Recorder(), new Recorder()]
    view.listen(kept)
    view.listen(gone)
    context.unlisten(gone)
    context.abort(1)
    expect(kept.reasons).toEqual([1])
    expect(gone.reasons).toEqual([])
  })
})

describe('outer signals', () => {
  it('hands the very signal on where nothing else can abort', () => {
    const { signal } = new AbortController()
    expect(Context.from({ signal }).signal).toBe(signal)
  })

  it('passes its reason through to listeners and signals below', () => {
    const controller = new AbortController()
    const context = Context.from({ signal: controller.signal }).child()
    const listener = new Recorder()
    context.listen(listener)
    const { signal } = context
    const reason = new Error('caller')
    controller.abort(reason)
    expect(listener.reasons).toEqual([reason])
    expect(signal.reason).toBe(reason)
  })

  it('is aborted from the start under an aborted signal', () => {
    const context = Context.from({ signal: AbortSignal.abort('early') }).child()
    expect(context.aborted).toBe(true)
    expect(context.reason).toBe('early')
    expect(context.signal.reason).toBe('early')
  })

  it('attaches one listener for any number of waits and leaves none behind', () => {
    const { signal } = new AbortController()
    const context = Context.from({ signal })
    const waits = Array.from({ length: 1000 }, () => new Recorder())
    const children = waits.map(() => context.child())
    expect(listenersOf(signal)).toBe(0)
    waits.forEach((wait, index) => children[index]?.listen(wait))
    expect(listenersOf(signal)).toBe(1)
    waits.forEach((wait, index) => children[index]?.unlisten(wait))
    expect(listenersOf(signal)).toBe(0)
  })

  it('lets go of the outer signal when closed, whatever was handed out', () => {
    const { signal } = new AbortController()
    const child = Context.from({ signal }).child()
    expect(child.signal).not.toBe(signal)
    expect(listenersOf(signal)).toBe(1)
    child.close()
    expect(listenersOf(signal)).toBe(0)
  })

  it('`use` closes what it made, when the call fails too', async () => {
    const { signal } = new AbortController()
    const clock = new TestClock()
    const call = Context.use(
      { signal, timeoutMs: 50 },
      async (context) => {
        expect(context.signal).not.toBe(signal)
        expect(clock.pendingTimers).toBe(1)
        throw new Error('failed')
      },
      clock
    )
    await expect(call).rejects.toThrow('failed')
    expect(clock.pendingTimers).toBe(0)
    expect(listenersOf(signal)).toBe(0)
  })

  it('never aborts the empty context, and gives each reader a signal of its own', () => {
    const empty = Context.current()
    empty.listen(new Recorder())
    expect(empty.signal).not.toBe(empty.signal)
    expect(empty.aborted).toBe(false)
  })
})

describe('deadlines', () => {
  it('is the earliest of all above', () => {
    const clock = new TestClock({ startMs: 1000 })
    const outer = Context.from({ timeoutMs: 500 }, clock)
    expect(outer.deadline).toBe(1500)
    expect(Context.from({ context: outer, timeoutMs: 900 }).deadline).toBe(1500)
    expect(Context.from({ context: outer, timeoutMs: 100 }).deadline).toBe(1100)
    expect(Context.from({ context: outer, deadline: 1200 }).remainingMs).toBe(200)
    expect(Context.current().remainingMs).toBe(Number.POSITIVE_INFINITY)
  })

  it('aborts listeners with our timeout when it passes', async () => {
    const clock = new TestClock()
    const context = Context.from({ timeoutMs: 100 }, clock)
    const listener = new Recorder()
    context.listen(listener)
    await clock.advance(99)
    expect(listener.reasons).toEqual([])
    await clock.advance(1)
    expect(listener.reasons[0]).toBeInstanceOf(TimeoutError)
    expect(context.reason).toMatchObject({ code: 'ERR_TIMEOUT', kind: 'timeout', phase: 'total' })
  })

  it('counts as aborted once it has passed, listened to or not', () => {
    const clock = new TestClock()
    const context = Context.from({ timeoutMs: 100 }, clock).child()
    clock.jump(100)
    expect(context.aborted).toBe(true)
    expect(context.reason).toBeInstanceOf(TimeoutError)
  })

  it('keeps no timer when the last listener leaves', () => {
    const clock = new TestClock()
    const context = Context.from({ timeoutMs: 100 }, clock)
    const listener = new Recorder()
    context.listen(listener)
    expect(clock.pendingTimers).toBe(1)
    context.unlisten(listener)
    expect(clock.pendingTimers).toBe(0)
  })

  it('counts an own expiry as a deadline, and the caller aborting first wins', async () => {
    const clock = new TestClock()
    const controller = new AbortController()
    const context = Context.from({ signal: controller.signal }, clock).child({ clock })
    context.expireAfter(80, (expired) => expired.abort('ours'))
    expect(context.deadline).toBe(80)
    expect(context.child().deadline).toBe(80)
    controller.abort('theirs')
    await clock.advance(100)
    expect(context.reason).toBe('theirs')
  })

  it('stops its expiry when closed', async () => {
    const clock = new TestClock()
    const context = Context.current().child({ clock })
    context.expireAfter(80, (expired) => expired.abort('ours'))
    context.close()
    await clock.advance(100)
    expect(context.aborted).toBe(false)
    expect(clock.pendingTimers).toBe(0)
  })

  it('translates the deadline of an outer context with another clock', () => {
    const outer = Context.from({ timeoutMs: 50 }, new TestClock({ startMs: 1_000_000 }))
    const inner = outer.child({ clock: new TestClock({ startMs: 7 }) })
    expect(inner.deadline).toBe(57)
  })
})

describe('what travels', () => {
  it('is inherited, and changed by `with`, `child` and `from`', () => {
    const context = Context.from({ correlationId: 'abc', attempt: 2 })
    expect(context.child()).toMatchObject({ correlationId: 'abc', attempt: 2 })
    expect(context.with({ attempt: 3 })).toMatchObject({ correlationId: 'abc', attempt: 3 })
    expect(Context.from({ context, correlationId: 'def' })).toMatchObject({
      correlationId: 'def',
      attempt: 2
    })
  })

  it('is ambient within `run`, also after an await, and only there', async () => {
    const context = Context.current().child({ correlationId: 'ambient' })
    await context.run(async () => {
      await Promise.resolve()
      expect(Context.current()).toBe(context)
      expect(Context.from({}).correlationId).toBe('ambient')
      expect(Context.from({ timeoutMs: 5 }).correlationId).toBe('ambient')
    })
    expect(Context.current()).not.toBe(context)
  })

  it('is taken as it is when a context is given for options', () => {
    const context = Context.current().child()
    expect(Context.from(context)).toBe(context)
    expect(Context.from({ context })).toBe(context)
  })
})

describe('many listeners', () => {
  it('are told once, also one that was in two lists and came back', () => {
    const [first, second] = [Context.current().child(), Context.current().child()]
    const [one, two] = [new Recorder(), new Recorder()]
    for (const listener of [two, one]) first.listen(listener)
    for (const listener of [two, one]) second.listen(listener)
    first.unlisten(one)
    second.listen(one)
    second.abort('over')
    expect(one.reasons).toEqual(['over'])
    expect(two.reasons).toEqual(['over'])
  })

  it('come and go in any order, each told once', () => {
    const step = fc.tuple(fc.boolean(), fc.nat(4), fc.nat(1))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const contexts = [Context.current().child(), Context.current().child()]
        const listeners = Array.from({ length: 10 }, () => new Recorder())
        const expected = contexts.map(() => new Set<Recorder>())
        for (const [comes, which, at] of steps) {
          const listener = listeners[which] as Recorder
          if (comes) contexts[at]?.listen(listener)
          else contexts[at]?.unlisten(listener)
          if (comes) expected[at]?.add(listener)
          else expected[at]?.delete(listener)
        }
        for (const [at, context] of contexts.entries()) {
          for (const listener of listeners) listener.reasons.length = 0
          context.abort(at)
          for (const listener of listeners) {
            expect(listener.reasons).toEqual(expected[at]?.has(listener) === true ? [at] : [])
          }
        }
      }),
      { numRuns: 1000 }
    )
  })
})

describe('many contexts of one signal', () => {
  it('share one event listener, and give it back with the last of them', () => {
    const controller = new AbortController()
    let listening = 0
    const { signal } = controller
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listening++
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listening--
      remove(...args)
    }
    const waits = Array.from({ length: 100 }, () => {
      const context = Context.from({ signal })
      const listener = { onAbort: () => undefined }
      context.listen(listener)
      return () => context.unlisten(listener)
    })
    expect(listening).toBe(1)
    for (const stop of waits) stop()
    expect(listening).toBe(0)
  })

  it('are told in order, except those who leave while others are told', () => {
    const controller = new AbortController()
    const told: string[] = []
    const contexts = ['a', 'b', 'c'].map((name) => {
      const context = Context.from({ signal: controller.signal })
      const listener = {
        onAbort(reason: unknown) {
          told.push(`${name} ${String(reason)}`)
          if (name === 'a') contexts[1]?.context.unlisten(contexts[1].listener)
        }
      }
      context.listen(listener)
      return { context, listener }
    })
    controller.abort('enough')
    expect(told).toEqual(['a enough', 'c enough'])
  })
})
