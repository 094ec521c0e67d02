import { AplombError, errorBrand, isAplombError } from '@aplomb/kernel'

/**
 * An error of ours in the form in which any fetch rejects, and which SDKs look for: a `TypeError`
 * that says `fetch failed`, or `terminated` where the body broke off. It has the code, the kind and
 * all fields of the error that it stands for, and its cause, or else that error as the cause.
 */
class FetchError extends TypeError {
  static {
    Object.defineProperty(this.prototype, errorBrand, { value: true })
  }

  constructor(message: string, error: Error) {
    super(message, { cause: error.cause ?? error })
    const { name: _, ...fields } = error
    Object.assign(this, fields)
  }

  toJSON(): object {
    return AplombError.prototype.toJSON.call(this as never)
  }
}

/**
 * What fetch rejects with instead of `error`. Refusals and timeouts, of which a standard fetch knows
 * nothing, stay as they are, and so does what is not ours.
 */
export function fetchError(error: unknown, message: 'fetch failed' | 'terminated'): unknown {
  if (!isAplombError(error) || error instanceof FetchError) return error
  if (error.kind === 'rejected' || error.kind === 'timeout') return error
  return new FetchError(error.kind === 'invalid' ? error.message : message, error)
}
