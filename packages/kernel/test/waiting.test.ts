import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { abortable, Context, endOfTurn, linkSignals, sleep } from '../src/index.ts'
import { TestClock } from '../src/testing/index.ts'

const reason = { why: 'the caller said so' }

describe('sleep', () => {
  it('resolves at its instant and not before', async () => {
    const clock = new TestClock()
    let done = false
    const sleeping = sleep(clock, 100).then(() => (done = true))
    await clock.advance(99)
    expect(done).toBe(false)
    await clock.advance(1)
    await sleeping
  })

  it('rejects at once with the reason and leaves nothing', async () => {
    const clock = new TestClock()
    const controller = new AbortController()
    const sleeping = sleep(clock, 100, Context.from({ signal: controller.signal }))
    controller.abort(reason)
    await expect(sleeping).rejects.toBe(reason)
    expect(clock.pendingTimers).toBe(0)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
  })

  it('leaves no listener when it ends by itself', async () => {
    const clock = new TestClock()
    const { signal } = new AbortController()
    const sleeping = sleep(clock, 100, Context.from({ signal }))
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    await clock.advance(100)
    await sleeping
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('does not begin under an aborted context', async () => {
    const clock = new TestClock()
    const aborted = Context.from({ signal: AbortSignal.abort(reason) })
    await expect(sleep(clock, 100, aborted)).rejects.toBe(reason)
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('abortable', () => {
  it('settles as the work does', async () => {
    const context = Context.current().child()
    expect(await abortable(Promise.resolve(7), context)).toBe(7)
    await expect(abortable(Promise.reject(new Error('x')), context)).rejects.toThrow('x')
  })

  it('rejects at once with the reason, and a late failure of the work is nobody’s', async () => {
    const context = Context.current().child()
    const work = Promise.withResolvers<void>()
    const waiting = abortable(work.promise, context)
    context.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    work.reject(new Error('late'))
    await expect(abortable(Promise.reject(new Error('later')), context)).rejects.toBe(reason)
    await endOfTurn()
  })
})

describe('linkSignals', () => {
  it('follows the first that aborts and lets go of all', () => {
    const [first, second] = [new AbortController(), new AbortController()]
    const linked = linkSignals([first.signal, undefined, null, second.signal])
    expect(linked.signal.aborted).toBe(false)
    second.abort(reason)
    first.abort('too late')
    expect(linked.signal.reason).toBe(reason)
    expect(getEventListeners(first.signal, 'abort')).toHaveLength(0)
  })

  it('is aborted from the start where one is', () => {
    expect(linkSignals([AbortSignal.abort(reason)]).signal.reason).toBe(reason)
  })

  it('keeps no hold on a long-lived parent once disposed of', () => {
    const parent = new AbortController()
    for (let index = 0; index < 1000; index++) {
      using linked = linkSignals([parent.signal])
      expect(linked.signal.aborted).toBe(false)
    }
    expect(getEventListeners(parent.signal, 'abort')).toHaveLength(0)
  })
})
