import { isThenable } from './thenable.ts'

/** What the functions for many items read from; promises in a sync iterable are awaited. */
export type Source<T> = Iterable<T | PromiseLike<T>> | AsyncIterable<T>

/** What reading one item gave: at once, or later. */
export type Reading<T> = IteratorResult<T, unknown> | PromiseLike<IteratorResult<T, unknown>>

/** One pass over a source, sync or async alike. */
export class SourceReader<T> {
  private readonly iterator: Iterator<T | PromiseLike<T>> | AsyncIterator<T>

  constructor(source: Source<T>) {
    this.iterator =
      Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  }

  read(): Reading<T> {
    const result = this.iterator.next()
    if (isThenable(result)) return result
    const { value, done } = result
    if (done === true || !isThenable(value)) return result as IteratorResult<T, unknown>
    return value.then((settled) => ({ value: settled, done: false }))
  }

  /** Tells the source that no more is wanted, so that it can clean up. */
  async close(): Promise<void> {
    await this.iterator.return?.()
  }
}
