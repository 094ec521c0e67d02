import type { Call } from '../call.ts'
import { conditionOf, type Condition } from '../condition.ts'
import { MockHttp } from '../mock-http.ts'
import { Route } from '../route.ts'

/** What a matcher of vitest's gives back. */
interface Verdict {
  readonly pass: boolean
  readonly message: () => string
}

/** Matchers for routes, and for whole mocks. */
export interface RequestMatchers<R = unknown> {
  /** It was called, or as often as you say. */
  toHaveBeenRequested(times?: number): R
  /** One of its calls was like this. */
  toHaveBeenRequestedWith(condition: Condition): R
  /** Its last call was like this. */
  toHaveBeenLastRequestedWith(condition: Condition): R
  /** Its calls got these, in order: a status, or the kind of a fault. */
  toHaveAnswered(outcomes: readonly (number | string)[]): R
}

declare module 'vitest' {
  interface Matchers<R, T> extends RequestMatchers<R> {}
}

/** For `expect.extend`; importing `@aplomb/mocks/vitest` has done it. */
export const mockMatchers: Record<
  keyof RequestMatchers,
  (received: unknown, expected?: any) => Verdict
> = {
  toHaveBeenRequested(received: unknown, times?: number): Verdict {
    const { name, calls } = watched(received)
    const { length } = calls
    const pass = times === undefined ? length > 0 : length === times
    const expected = times === undefined ? 'at least once' : `${times} times`
    return { pass, message: () => `${name} was requested ${length} times, expected ${expected}` }
  },

  toHaveBeenRequestedWith(received: unknown, condition: Condition): Verdict {
    const { name, calls } = watched(received)
    const wanted = conditionOf(condition)
    const pass = calls.some(({ request }) => wanted.accepts(request))
    const list = (): string => calls.map((call, index) => differences(call, index, wanted)).join('')
    return { pass, message: () => `${name} was not requested with this:${list()}` }
  },

  toHaveBeenLastRequestedWith(received: unknown, condition: Condition): Verdict {
    const { name, calls } = watched(received)
    const wanted = conditionOf(condition)
    const last = calls.at(-1)
    const pass = last !== undefined && wanted.accepts(last.request)
    const why = (): string =>
      last === undefined ? ' it was never requested' : differences(last, calls.length - 1, wanted)
    return { pass, message: () => `${name} was not last requested with this:${why()}` }
  },

  toHaveAnswered(received: unknown, outcomes: readonly (number | string)[]): Verdict {
    const { name, calls } = watched(received)
    const found = calls.map((call) => outcomeOf(call))
    const pass = JSON.stringify(found) === JSON.stringify(outcomes)
    const texts = [JSON.stringify(found), JSON.stringify(outcomes)]
    return { pass, message: () => `${name} answered ${texts[0]}, expected ${texts[1]}` }
  }
}

function watched(received: unknown): { name: string; calls: readonly Call[] } {
  if (received instanceof Route) return { name: received.name, calls: [...received.calls] }
  if (received instanceof MockHttp) return { name: 'The mocks', calls: [...received.calls] }
  throw new TypeError('expected a route, or what mockHttp gives')
}

function differences(
  call: Call,
  index: number,
  wanted: { differences(request: Call['request']): string[] }
): string {
  return `\n  - call ${index + 1}: ${wanted.differences(call.request).join('; ')}`
}

/** Faults that answer with a status of their own count as that status. */
function outcomeOf(call: Call): number | string {
  return call.response !== undefined && call.plan?.ending === 'end'
    ? call.response.status
    : (call.fault ?? 'unmatched')
}
