import type { Context } from '@aplomb/kernel'
import {
  baseOf,
  resolveMapOptions,
  type MapOptions,
  type ResolvedMapOptions
} from './item-options.ts'
import { OrderedResults, UnorderedResults, type Results } from './item-results.ts'
import { ItemRun } from './item-run.ts'
import type { Ending, Mapper } from './lanes.ts'
import type { Source } from './source.ts'

/** What `mapConcurrent` gives: results for `for await`, read once. */
export interface ConcurrentResults<R> extends AsyncIterableIterator<R, undefined>, AsyncDisposable {
  next(): Promise<IteratorResult<R, undefined>>
  return(): Promise<IteratorResult<R, undefined>>
}

/** One call of `next` that waits. */
type Reader<R> = (
  result: IteratorResult<R, undefined> | Promise<IteratorResult<R, undefined>>
) => void

const done: IteratorReturnResult<undefined> = { value: undefined, done: true }

class MapRun<T, R> extends ItemRun<T, R, unknown> {
  private readonly results: Results<R, unknown>
  private readonly window: number
  private readonly refillAt: number
  private readonly readers: Reader<R>[] = []
  private ended = false
  private ending: Ending | undefined = undefined
  private readonly whenEnded = Promise.withResolvers<void>()

  constructor(source: Source<T>, mapper: Mapper<T, R>, base: Context, options: ResolvedMapOptions) {
    super(source, mapper, base, options)
    this.results = (options.ordered ? new OrderedResults() : new UnorderedResults()) as never
    const isCount = typeof options.concurrency === 'number' && !options.adaptive
    this.window = isCount ? options.concurrency : 0
    this.refillAt = this.window === 0 ? Infinity : this.window - (this.window >> 3)
  }

  /** What is under way and what is unread together stay below the concurrency. */
  hasRoom(inFlight: number): boolean {
    const { unread } = this.results
    return this.window === 0 ? unread <= 2 * inFlight : unread < this.window
  }

  begin(): unknown {
    return this.results.begin()
  }

  deliver(place: unknown, value: R): void {
    const { results, readers } = this
    results.finish(place, value)
    while (readers.length > 0 && results.isReady) {
      readers.shift()?.({ value: results.take(), done: false })
    }
  }

  read(): Promise<IteratorResult<R, undefined>> {
    if (this.readers.length === 0 && this.results.isReady) {
      const value = this.results.take()
      if (!this.ended && this.results.unread <= this.refillAt) this.pump()
      return Promise.resolve({ value, done: false })
    }
    if (!this.ended) {
      return new Promise((resolve) => void this.readers.push(resolve))
    }
    return this.takeEnding()
  }

  /** Drops what is unread, tells what runs to stop and waits for that. */
  async stop(): Promise<IteratorResult<R, undefined>> {
    this.lanes.stop()
    await this.whenEnded.promise
    while (this.results.isReady) this.results.take()
    return this.takeEnding()
  }

  protected onEnd(ending: Ending | undefined): void {
    this.ended = true
    this.ending = ending
    this.whenEnded.resolve()
    for (const reader of this.readers.splice(0)) reader(this.takeEnding())
  }

  /** An error is thrown once, then the end is the end. */
  private takeEnding(): Promise<IteratorResult<R, undefined>> {
    const { ending } = this
    this.ending = undefined
    return ending === undefined ? Promise.resolve(done) : Promise.reject(ending.error)
  }
}

/**
 * Maps the items of a source, several at once, and gives the results in the order of the source, or
 * as they come with `ordered: false`. Nothing starts before the first result is asked for, and no
 * more items are begun than `concurrency` counting the results that nobody has read yet: a slow
 * reader slows down the source.
 *
 * The first failure stops the reading and tells the others to stop; what was ready is still given,
 * then the error is thrown as it is (several in one `TasksFailedError`). Leaving the loop early
 * stops everything; the source is closed in both cases.
 *
 * @throws OptionsError at once, for wrong options.
 */
export function mapConcurrent<T, R>(
  source: Source<T>,
  mapper: Mapper<T, R>,
  options?: MapOptions
): ConcurrentResults<R> {
  const resolved = resolveMapOptions('mapConcurrent', options)
  const base = baseOf(resolved)
  let run: MapRun<T, R> | undefined
  let left = false
  return {
    next() {
      if (left) return Promise.resolve(done)
      if (run === undefined) {
        run = new MapRun(source, mapper, base, resolved)
        run.start()
      }
      return run.read()
    },
    return() {
      left = true
      return run === undefined ? Promise.resolve(done) : run.stop()
    },
    async [Symbol.asyncDispose]() {
      await this.return()
    },
    [Symbol.asyncIterator]() {
      return this
    }
  }
}

/**
 * Gives the items for which `keep` gives true, testing several at once; otherwise like
 * `mapConcurrent`.
 */
export function filterConcurrent<T>(
  source: Source<T>,
  keep: Mapper<T, boolean>,
  options?: MapOptions
): AsyncGenerator<T, void> {
  const judge: Mapper<T, { item: T; kept: boolean }> = async (item, context, index) => ({
    item,
    kept: await keep(item, context, index)
  })
  return kept(mapConcurrent(source, judge, { name: 'filterConcurrent', ...options }))
}

async function* kept<T>(
  verdicts: AsyncIterable<{ item: T; kept: boolean }>
): AsyncGenerator<T, void> {
  for await (const { item, kept } of verdicts) if (kept) yield item
}
