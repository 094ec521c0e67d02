import { Context } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import { adaptiveConcurrency, rateLimiter, Semaphore } from '../src/index.ts'

const reason = { why: 'the caller has had enough' }

/** Each gate with its one place taken. */
const gates = {
  semaphore: async (clock: TestClock) => {
    const gate = new Semaphore({ permits: 1, clock })
    const held = await gate.acquire()
    return { gate, free: async () => held.release() }
  },
  rate: async (clock: TestClock) => {
    const gate = rateLimiter({ limit: 1, perMs: 100 }, { clock })
    await gate.acquire()
    return { gate, free: () => clock.advance(100) }
  },
  strict: async (clock: TestClock) => {
    const gate = rateLimiter({ limit: 1, perMs: 100 }, { clock, strict: true })
    const held = await gate.acquire()
    return {
      gate,
      free: async () => {
        held.release()
        await clock.advance(100)
      }
    }
  },
  adaptive: async (clock: TestClock) => {
    const gate = adaptiveConcurrency({ initialLimit: 1, clock })
    const held = await gate.acquire()
    return { gate, free: async () => held.release() }
  }
}

describe.each(Object.entries(gates))('cancelling at a %s', (_name, create) => {
  it('rejects at once with the very reason, and leaves the queue', async () => {
    const clock = new TestClock()
    const { gate } = await create(clock)
    const controller = new AbortController()
    const waiting = gate.acquire({ signal: controller.signal })
    expect(gate.queued).toBe(1)
    controller.abort(reason)
    expect(gate.queued).toBe(0)
    await expect(waiting).rejects.toBe(reason)
    expect(clock.pendingTimers).toBe(0)
  })

  it('with no time to wait takes only what is free, and only for who has time left', async () => {
    const clock = new TestClock({ startMs: 1000 })
    const { gate, free } = await create(clock)
    const refusal = { code: expect.stringMatching(/^ERR_(TIMEOUT|DEADLINE_UNREACHABLE)$/u) }
    await expect(gate.acquire({ timeoutMs: 0 })).rejects.toMatchObject(refusal)
    await free()
    const aborted = { timeoutMs: 0, signal: AbortSignal.abort(reason) }
    await expect(gate.acquire(aborted)).rejects.toBe(reason)
    await expect(gate.acquire({ timeoutMs: 0, deadline: 1000 })).rejects.toMatchObject({
      code: 'ERR_TIMEOUT',
      phase: 'queue'
    })
    await expect(gate.acquire({ timeoutMs: 0 })).resolves.toBeDefined()
    await expect(gate.acquire({ timeoutMs: 0 })).rejects.toMatchObject(refusal)
    expect(clock.pendingTimers).toBe(0)
  })

  it('rejects at once when it was aborted before, even where a permit is free', async () => {
    const clock = new TestClock()
    const { gate, free } = await create(clock)
    const options = { signal: AbortSignal.abort(reason) }
    await expect(gate.acquire(options)).rejects.toBe(reason)
    await free()
    await expect(gate.acquire(options)).rejects.toBe(reason)
    await expect(gate.execute(() => 1, options)).rejects.toBe(reason)
    await expect(gate.acquire()).resolves.toBeDefined()
  })

  it('rejects a queued operation at once, without running it', async () => {
    const clock = new TestClock()
    const { gate, free } = await create(clock)
    const controller = new AbortController()
    let ran = false
    const waiting = gate.execute(() => (ran = true), { signal: controller.signal })
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    await free()
    await clock.settle()
    expect(ran).toBe(false)
  })

  it('begins no operation that was cancelled, however shortly before', async () => {
    for (let ticks = 0; ticks < 12; ticks++) {
      const clock = new TestClock()
      const { gate, free } = await create(clock)
      const controller = new AbortController()
      let wasAborted = false
      const { signal } = controller
      const waiting = gate.execute(() => (wasAborted = signal.aborted), { signal })
      const freed = free()
      let left = ticks
      const count = (): void => {
        if (left-- > 0) queueMicrotask(count)
        else controller.abort(reason)
      }
      clock.tick(100)
      count()
      await waiting.catch((error: unknown) => expect(error).toBe(reason))
      await freed
      await clock.settle()
      expect([ticks, wasAborted, gate.queued]).toEqual([ticks, false, 0])
    }
  })

  it('follows the ambient context', async () => {
    const clock = new TestClock()
    const { gate } = await create(clock)
    const context = Context.current().child()
    const waiting = context.run(() => gate.acquire())
    context.abort(reason)
    await expect(waiting).rejects.toBe(reason)
  })

  it('wakes the one behind', async () => {
    const clock = new TestClock()
    const { gate, free } = await create(clock)
    const controller = new AbortController()
    const first = gate.acquire({ signal: controller.signal })
    const second = gate.acquire()
    controller.abort(reason)
    await expect(first).rejects.toBe(reason)
    await free()
    await expect(second).resolves.toBeDefined()
  })

  it('times out at its own timeout, in the phase queue', async () => {
    const clock = new TestClock()
    const { gate } = await create(clock)
    const waiting = gate.acquire({ timeoutMs: 30 })
    const outcome = waiting.catch((error: unknown) => error)
    await clock.advance(30)
    // A rate limiter knows from the start that it cannot be.
    const { code, kind } = (await outcome) as { code: string; kind: string }
    expect(['ERR_TIMEOUT', 'ERR_DEADLINE_UNREACHABLE']).toContain(code)
    expect(['timeout', 'rejected']).toContain(kind)
    expect(gate.queued).toBe(0)
    expect(clock.pendingTimers).toBe(0)
  })

  it('keeps listening to nothing once it has its permit', async () => {
    const clock = new TestClock()
    const { gate, free } = await create(clock)
    const signal = new CountingSignal()
    const waiting = gate.acquire({ signal: signal as unknown as AbortSignal })
    expect(signal.listeners).toBe(1)
    await free()
    await waiting
    expect(signal.listeners).toBe(0)
  })
})

describe('a permit that is granted and cancelled in the same tick goes back', () => {
  it('of a semaphore', async () => {
    const semaphore = new Semaphore(1)
    const held = await semaphore.acquire()
    const controller = new AbortController()
    const first = semaphore.acquire({ signal: controller.signal })
    const second = semaphore.acquire()
    held.release()
    controller.abort(reason)
    await expect(first).rejects.toBe(reason)
    const permit = await second
    permit.release()
    expect(semaphore.available).toBe(1)
  })

  it('of a semaphore, before a queued operation has begun', async () => {
    const semaphore = new Semaphore(1)
    const held = await semaphore.acquire()
    const controller = new AbortController()
    let ran = false
    const first = semaphore.execute(() => (ran = true), { signal: controller.signal })
    held.release()
    controller.abort(reason)
    await expect(first).rejects.toBe(reason)
    expect(ran).toBe(false)
    expect(semaphore.available).toBe(1)
  })

  it('of a rate limiter, whose token serves the next', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter({ limit: 1, perMs: 100 }, { clock })
    await limiter.acquire()
    const controller = new AbortController()
    const first = limiter.acquire({ signal: controller.signal })
    let second = false
    void limiter.acquire().then(() => (second = true))
    // The timer grants the token; the abort follows before anything else can run.
    clock.tick(100)
    controller.abort(reason)
    await expect(first).rejects.toBe(reason)
    await clock.settle()
    expect(second).toBe(true)
    await clock.advance(99)
    expect(limiter.available()).toBe(0)
  })

  it('of an adaptive limit, which learns nothing from it', async () => {
    const limiter = adaptiveConcurrency({ initialLimit: 1 })
    const held = await limiter.acquire()
    const controller = new AbortController()
    const first = limiter.acquire({ signal: controller.signal })
    held.release('ignored')
    controller.abort(reason)
    await expect(first).rejects.toBe(reason)
    expect(limiter.inFlight).toBe(0)
  })
})

it('says whose timeout it was', async () => {
  const clock = new TestClock()
  const semaphore = new Semaphore({ permits: 1, clock })
  await semaphore.acquire()
  const own = semaphore.acquire({ timeoutMs: 10 }).catch((error: unknown) => error)
  const outer = Context.from({ timeoutMs: 20, context: new Context(Context.current(), { clock }) })
  const theirs = outer
    .run(() => semaphore.acquire({ timeoutMs: 50 }))
    .catch((error: unknown) => error)
  await clock.advance(10)
  expect(await own).toMatchObject({ code: 'ERR_TIMEOUT', phase: 'queue', timeoutMs: 10 })
  await clock.advance(10)
  expect(await theirs).toBe(outer.reason)
})

it('says whose timeout it was, also when the caller gives up in the same tick', async () => {
  const clock = new TestClock()
  const semaphore = new Semaphore({ permits: 1, clock })
  await semaphore.acquire()
  const controller = new AbortController()
  const context = Context.current().child()
  const options = { timeoutMs: 10, signal: controller.signal, context }
  const waiting = semaphore.acquire(options).catch((error: unknown) => error)
  clock.tick(10)
  controller.abort(reason)
  context.abort(reason)
  expect(await waiting).toMatchObject({ code: 'ERR_TIMEOUT', phase: 'queue', timeoutMs: 10 })
})

class CountingSignal extends EventTarget {
  listeners = 0
  readonly aborted = false
  readonly reason = undefined

  override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
    this.listeners++
    super.addEventListener(...args)
  }

  override removeEventListener(...args: Parameters<EventTarget['removeEventListener']>): void {
    this.listeners--
    super.removeEventListener(...args)
  }
}
