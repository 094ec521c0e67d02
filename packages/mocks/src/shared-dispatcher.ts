import { systemClock } from '@aplomb/kernel'
import { deciderHere } from './active.ts'
import { MockDispatcher, type DispatcherTimeouts } from './dispatcher.ts'
import { UnmatchedRequestError } from './errors.ts'
import type { Decider } from './exchange.ts'

/**
 * A dispatcher for a client that many tests share: each request is answered by the mocks of the
 * code that makes it. Where there are none it is refused, never sent.
 */
export function mockDispatcher(timeouts: DispatcherTimeouts = {}): MockDispatcher {
  const settings = { origin: undefined, clock: systemClock, ...timeouts }
  return new MockDispatcher(() => deciderHere() ?? nobody, settings)
}

const nobody: Decider = {
  handle({ method, url }) {
    throw new UnmatchedRequestError(method, url, [])
  },
  foresee: () => undefined
}
