/** Something for `using` that calls `dispose` once. */
export function disposable(dispose: () => void): Disposable {
  let pending = true
  return {
    [Symbol.dispose]() {
      if (!pending) return
      pending = false
      dispose()
    }
  }
}

/** Something for `await using` that calls `dispose` once; every caller waits for that one. */
export function asyncDisposable(dispose: () => PromiseLike<void> | void): AsyncDisposable {
  let result: Promise<void> | undefined
  return {
    [Symbol.asyncDispose]() {
      result ??= (async () => await dispose())()
      return result
    }
  }
}

/** The shape of the language's `SuppressedError`, which Node.js 22 does not have. */
export interface SuppressedErrorLike extends Error {
  /** What went wrong last, while giving something back. */
  readonly error: unknown
  /** What had gone wrong before and would be lost. */
  readonly suppressed: unknown
}

type SuppressedErrorConstructor = new (
  error: unknown,
  suppressed: unknown,
  message?: string
) => SuppressedErrorLike

/** Both errors in one: the language's own `SuppressedError` where it exists, else its like. */
export function suppressedError(error: unknown, suppressed: unknown): SuppressedErrorLike {
  const message = 'An error was suppressed during disposal'
  const native = (globalThis as { SuppressedError?: SuppressedErrorConstructor }).SuppressedError
  if (native !== undefined) return new native(error, suppressed, message)
  const result = Object.assign(new Error(message), { error, suppressed })
  return Object.defineProperty(result, 'name', { value: 'SuppressedError' })
}
