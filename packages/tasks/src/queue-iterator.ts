import { Context, type ContextOptions } from '@aplomb/kernel'
import { QueueClosedError } from './errors.ts'

/** What an iterator needs of a queue. */
export interface Takeable<T> {
  readonly closed: boolean
  take(options: ContextOptions): Promise<T>
}

const done: IteratorReturnResult<undefined> = { value: undefined, done: true }

/** One loop over a queue. Leaving it withdraws a `take` that waits, so that it swallows no item. */
export class QueueIterator<T> implements AsyncIterableIterator<T> {
  private readonly queue: Takeable<T>
  private readonly context: Context = Context.current().child()
  private left = false

  constructor(queue: Takeable<T>) {
    this.queue = queue
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    if (this.left) return done
    try {
      return { value: await this.queue.take({ context: this.context }), done: false }
    } catch (error) {
      if (this.left || this.isEnd(error)) return done
      throw error
    }
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.left = true
    this.context.abort('the loop was left')
    return Promise.resolve(done)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  private isEnd(error: unknown): boolean {
    return this.queue.closed && error instanceof QueueClosedError
  }
}
