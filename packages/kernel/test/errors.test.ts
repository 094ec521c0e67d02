import { expect, it } from 'vitest'
import {
  DeadlineUnreachableError,
  ExhaustedError,
  FailedError,
  isAplombError,
  OptionsError,
  RejectedError,
  TimeoutError
} from '../src/index.ts'

class Refused extends RejectedError {
  override readonly name = 'Refused'
  override readonly code = 'ERR_REFUSED'
}
class GaveUp extends ExhaustedError {
  override readonly name = 'GaveUp'
  override readonly code = 'ERR_GAVE_UP'
}
class Broken extends FailedError {
  override readonly name = 'Broken'
  override readonly code = 'ERR_BROKEN'
}

const cause = Object.assign(new Error('root'), { code: 'ECONNRESET' })
const attempts = [{ attempt: 1, reason: 'reset', durationMs: 3 }]

const table = [
  [new OptionsError('bad', ['a', 'b']), 'OptionsError', 'ERR_OPTIONS_INVALID', 'invalid'],
  [new Refused('no', { retryAfterMs: 5, cause }), 'Refused', 'ERR_REFUSED', 'rejected'],
  [new TimeoutError('late', { phase: 'queue' }), 'TimeoutError', 'ERR_TIMEOUT', 'timeout'],
  [new GaveUp('enough', { attempts, cause }), 'GaveUp', 'ERR_GAVE_UP', 'exhausted'],
  [new Broken('down'), 'Broken', 'ERR_BROKEN', 'failed'],
  [
    new DeadlineUnreachableError('no time'),
    'DeadlineUnreachableError',
    'ERR_DEADLINE_UNREACHABLE',
    'rejected'
  ]
] as const

it.each(table)('%s has a literal name, code and kind', (error, name, code, kind) => {
  expect(error).toMatchObject({ name, code, kind })
  expect(error).toBeInstanceOf(Error)
  expect(isAplombError(error)).toBe(true)
  expect(String(error)).toBe(`${name}: ${error.message}`)
  expect(JSON.parse(JSON.stringify(error))).toMatchObject({ name, code, kind })
})

it('keeps data and cause as fields, and writes both into JSON', () => {
  const refused = new Refused('no', { retryAfterMs: 5, cause })
  expect(refused.cause).toBe(cause)
  expect(JSON.parse(JSON.stringify(refused))).toEqual({
    name: 'Refused',
    code: 'ERR_REFUSED',
    kind: 'rejected',
    message: 'no',
    retryAfterMs: 5,
    cause: { name: 'Error', message: 'root', code: 'ECONNRESET' }
  })
  const gaveUp = new GaveUp('enough', { attempts, cause: refused })
  expect(JSON.parse(JSON.stringify(gaveUp))).toMatchObject({ attempts, cause: { retryAfterMs: 5 } })
})

it('writes what each attempt met with into JSON, whoever’s error it is', () => {
  const errors = [cause, new Broken('down'), 'text', undefined]
  const records = errors.map((error) => ({ ...attempts[0], error }) as (typeof attempts)[0])
  const written = JSON.parse(JSON.stringify(new GaveUp('enough', { attempts: records })))
  expect(written.attempts.map(({ error }: { error?: unknown }) => error)).toEqual([
    { name: 'Error', message: 'root', code: 'ECONNRESET' },
    { name: 'Broken', message: 'down', code: 'ERR_BROKEN', kind: 'failed' },
    'text',
    undefined
  ])
})

it('has no field for what was not given', () => {
  expect('retryAfterMs' in new Refused('no')).toBe(false)
  expect('cause' in new Refused('no')).toBe(false)
  expect('timeoutMs' in new TimeoutError('late', { phase: 'total' })).toBe(false)
})

it('is recognised across installed versions, and nothing else is', () => {
  const foreign = { [Symbol.for('aplomb.error')]: true }
  expect(isAplombError(foreign)).toBe(true)
  for (const other of [new Error('plain'), null, undefined, 'text', {}, { code: 'ERR_TIMEOUT' }]) {
    expect(isAplombError(other)).toBe(false)
  }
})
