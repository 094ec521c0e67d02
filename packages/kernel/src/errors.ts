/** What `isAplombError` looks for, on an error or its prototype. */
export const errorBrand: unique symbol = Symbol.for('aplomb.error') as never

/** What went wrong, in the five ways a caller can act on. */
export type ErrorKind = 'invalid' | 'rejected' | 'timeout' | 'exhausted' | 'failed'

/**
 * The base of every error that Aplomb throws. Recognise one by `code` or `kind`, or with
 * `isAplombError`, which also knows the errors of another installed version.
 */
export abstract class AplombError extends Error {
  /** Part of the public API: each package's README lists its codes. */
  abstract readonly code: string
  abstract readonly kind: ErrorKind

  static {
    Object.defineProperty(this.prototype, errorBrand, { value: true })
  }

  /** The error as plain data, for logs: name, code, kind, message and its own fields. */
  toJSON(): Record<string, unknown> {
    const { name, code, kind, message, cause } = this
    const fields: Record<string, unknown> = { name, code, kind, message, ...(this as object) }
    if (cause !== undefined) fields['cause'] = asJson(cause)
    return fields
  }
}

/** The caller's mistake, thrown synchronously; `issues` lists every problem found. */
export abstract class InvalidError extends AplombError {
  override readonly kind = 'invalid'
  readonly issues: readonly string[]

  constructor(message: string, issues: readonly string[]) {
    super(message)
    this.issues = issues
  }
}

/** We refused before starting: nothing was sent. */
export abstract class RejectedError extends AplombError {
  override readonly kind = 'rejected'
  /** How long to wait before trying again makes sense, in milliseconds, where it is known. */
  declare readonly retryAfterMs?: number

  constructor(message: string, options: ErrorOptions & { retryAfterMs?: number | undefined } = {}) {
    super(message, causeOf(options))
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs
  }
}

/** What a `TimeoutError` is made of. */
export interface TimeoutErrorOptions extends ErrorOptions {
  /** Which wait ran out: `queue`, `create`, `attempt`, `total` … */
  readonly phase: string
  /** How long we had waited, in milliseconds, where it is known. */
  readonly timeoutMs?: number | undefined
}

/** Our own deadline passed while the caller had not cancelled. Subclasses have their own code. */
export class TimeoutError extends AplombError {
  override readonly name: string = 'TimeoutError'
  override readonly code: string = 'ERR_TIMEOUT'
  override readonly kind = 'timeout'
  readonly phase: string
  declare readonly timeoutMs?: number

  constructor(message: string, options: TimeoutErrorOptions) {
    super(message, causeOf(options))
    this.phase = options.phase
    if (options.timeoutMs !== undefined) this.timeoutMs = options.timeoutMs
  }
}

/** One try of a call that was given up in the end. */
export interface AttemptRecord {
  /** Counted from 1. */
  readonly attempt: number
  /** Why it counts as failed, in a word or two. */
  readonly reason: string
  readonly durationMs: number
  /** How long we waited after it, in milliseconds; absent after the last one. */
  readonly delayMs?: number
  readonly error?: unknown
}

/** We tried and gave up; `cause` is the last failure. */
export abstract class ExhaustedError extends AplombError {
  override readonly kind = 'exhausted'
  readonly attempts: readonly AttemptRecord[]

  constructor(message: string, options: ErrorOptions & { attempts: readonly AttemptRecord[] }) {
    super(message, causeOf(options))
    this.attempts = options.attempts
  }

  override toJSON(): Record<string, unknown> {
    const attempts = this.attempts.map((record) =>
      record.error === undefined ? record : { ...record, error: asJson(record.error) }
    )
    return { ...super.toJSON(), attempts }
  }
}

/** The other side failed. */
export abstract class FailedError extends AplombError {
  override readonly kind = 'failed'
}

/** The work cannot be done before the deadline, so it was not begun. */
export class DeadlineUnreachableError extends RejectedError {
  override readonly name = 'DeadlineUnreachableError'
  override readonly code = 'ERR_DEADLINE_UNREACHABLE'
}

/** True for every error of ours, from whichever installed version it comes. */
export function isAplombError(error: unknown): error is AplombError {
  return typeof error === 'object' && error !== null && errorBrand in error
}

function causeOf(options: ErrorOptions): ErrorOptions | undefined {
  return 'cause' in options && options.cause !== undefined ? { cause: options.cause } : undefined
}

/** An error of someone else's would be `{}`: it has neither name nor message of its own. */
function asJson(error: unknown): unknown {
  if (isAplombError(error) || !(error instanceof Error)) return error
  const { name, message, code } = error as Error & { code?: unknown }
  return { name, message, ...(code === undefined ? {} : { code }) }
}
