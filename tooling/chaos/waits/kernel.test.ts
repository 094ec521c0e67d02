import { abortable, Context, sleep } from '@aplomb/kernel'
import { expect } from 'vitest'
import { obeysLaw1 } from './law.ts'

obeysLaw1([
  {
    name: 'sleep',
    make: (clock) => ({
      wait: (said) => Context.use(said, (context) => sleep(clock, 1000, context)),
      grant: () => clock.tick(1000),
      free: () => undefined
    })
  },
  {
    name: 'abortable work',
    make() {
      const work = Promise.withResolvers<void>()
      return {
        wait: (said) => Context.use(said, (context) => abortable(work.promise, context)),
        grant: work.resolve,
        free: () => undefined
      }
    }
  },
  {
    name: 'a child context three floors down, with a deadline of its own',
    make: (clock) => ({
      wait: (said) =>
        Context.use(
          { ...said, timeoutMs: 5000 },
          async (context) => {
            const child = context.child({ clock }).child().with({ attempt: 2 })
            await sleep(clock, 1000, child).finally(() => child.close())
          },
          clock
        ),
      grant: () => clock.tick(1000),
      free: () => expect(clock.pendingTimers).toBe(0)
    })
  }
])
