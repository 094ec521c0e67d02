import { DeadlineUnreachableError, TimeoutError } from '@aplomb/kernel'
import {
  ChaosError,
  CircuitOpenError,
  classifyError,
  RetriesExhaustedError,
  retryAfterOf
} from '@aplomb/policies'
import { expect, it } from 'vitest'
import { coded } from './tools.ts'

it.each([
  ['a plain error', new Error('x'), 'transient'],
  ['no error at all', undefined, 'transient'],
  ['a reset connection', coded('ECONNRESET'), 'transient'],
  ['a refused connection', coded('ECONNREFUSED'), 'unsent'],
  ['a name that does not resolve', coded('ENOTFOUND'), 'unsent'],
  ['a connect timeout', coded('UND_ERR_CONNECT_TIMEOUT'), 'unsent'],
  ['a timeout of the network', coded('ETIMEDOUT', { syscall: 'read' }), 'timeout'],
  ['the same while connecting', coded('ETIMEDOUT', { syscall: 'connect' }), 'unsent'],
  ['a header timeout', coded('UND_ERR_HEADERS_TIMEOUT'), 'timeout'],
  [
    'the cause of a fetch error',
    new TypeError('fetch failed', { cause: coded('EPIPE') }),
    'transient'
  ],
  ['a fetch error without a cause', new TypeError('fetch failed'), 'transient'],
  ['a mistake', new TypeError('undefined is not a function'), 'permanent'],
  ['another mistake', new ReferenceError('x'), 'permanent'],
  ['a certificate that is refused', coded('DEPTH_ZERO_SELF_SIGNED_CERT'), 'permanent'],
  ['status 408', { status: 408 }, 'timeout'],
  ['status 429', { statusCode: 429 }, 'throttled'],
  ['status 500', { status: 500 }, 'transient'],
  ['status 501', { status: 501 }, 'permanent'],
  ['status 404', { status: 404 }, 'permanent'],
  [
    'a 404 of got',
    coded('ERR_NON_2XX_3XX_RESPONSE', { response: { statusCode: 404 } }),
    'permanent'
  ],
  ['a 429 of ky', { name: 'HTTPError', response: new Response('', { status: 429 }) }, 'throttled'],
  ['a 502 of axios', coded('ERR_BAD_RESPONSE', { response: { status: 502 } }), 'transient'],
  ['an abort under axios', coded('ERR_CANCELED', { name: 'CanceledError' }), 'cancelled'],
  ['an abort', new DOMException('x', 'AbortError'), 'cancelled'],
  ['a DOM timeout', new DOMException('x', 'TimeoutError'), 'timeout'],
  ['our timeout', new TimeoutError('x', { phase: 'attempt' }), 'timeout'],
  ['our timeout in a queue', new TimeoutError('x', { phase: 'queue' }), 'unsent'],
  ['an error that asks to wait', { retryAfterMs: 5 }, 'throttled'],
  ['an open circuit', new CircuitOpenError('x', { breaker: 'b' }), 'permanent'],
  ['a deadline too near', new DeadlineUnreachableError('x'), 'permanent'],
  [
    'a retry that gave up',
    new RetriesExhaustedError('x', { attempts: [], reason: 'attempts' }),
    'permanent'
  ],
  ['chaos', new ChaosError('x'), 'transient']
] as const)('sorts %s', (_name, error, expected) => {
  expect(classifyError(error)).toBe(expected)
})

it('does not follow a circle of causes for ever', () => {
  const error = new Error('a')
  error.cause = error
  expect(classifyError(error)).toBe('transient')
})

it.each([
  [{ retryAfterMs: 5 }, 5],
  [{ retryAfterMs: -5 }, 0],
  [{ retryAfterMs: Number.NaN }, undefined],
  [{ retryAfterMs: '5' }, undefined],
  [null, undefined]
])('reads how long %j asks to wait', (outcome, expected) => {
  expect(retryAfterOf(outcome)).toBe(expected)
})

it('reads how long the cause of an error asks to wait', () => {
  const cause = Object.assign(new Error('busy'), { retryAfterMs: 70 })
  expect(retryAfterOf(new Error('could not load', { cause }))).toBe(70)
  const nearer = Object.assign(new Error('wrapped', { cause }), { retryAfterMs: 5 })
  expect(retryAfterOf(nearer)).toBe(5)
  const circle = new Error('a')
  circle.cause = circle
  expect(retryAfterOf(circle)).toBeUndefined()
})
