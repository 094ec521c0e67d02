import { Context, invalidOptions, subscribeTo, type Clock } from '@aplomb/kernel'
import { forEachConcurrent } from '@aplomb/tasks'
import type { Destination } from './destination.ts'
import type { DoneIndex } from './done-index.ts'
import type { FetchClient } from './fetch-client.ts'
import { fetchItem } from './fetch-item.ts'
import { fingerprint, type Item } from './item.ts'
import type { FetchOptions } from './options.ts'
import { Progress, type ProgressStream } from './progress.ts'
import type { Sink } from './sink.ts'
import type { Source } from './source.ts'
import { summarize, type Summary } from './summary.ts'
import { Tally } from './tally.ts'

/** Everything that a run needs, checked. */
export interface RunParts {
  readonly options: FetchOptions
  readonly source: Source
  readonly destination: Destination
  readonly client: FetchClient
  readonly stderr: ProgressStream
  readonly clock: Clock
  /** Whether each item gets a correlation id, for logs. Default: false. */
  readonly correlated?: boolean
  /** Aborted when no new items shall be taken. */
  readonly signal: AbortSignal
}

/** One run over all items that are not done yet: fetch, store, count. */
export class Run {
  readonly options: FetchOptions
  readonly tally: Tally
  private readonly parts: RunParts
  private readonly sink: Sink
  private readonly done: DoneIndex | undefined
  private interrupted = false

  /**
   * Opens the destination. @throws OptionsError when an earlier run to be resumed had another
   * input.
   */
  static async open(parts: RunParts): Promise<Run> {
    const { sink, done } = await parts.destination.open()
    if (done !== undefined) await checkSameInput(parts, done)
    return new Run(parts, sink, done)
  }

  private constructor(parts: RunParts, sink: Sink, done: DoneIndex | undefined) {
    this.parts = parts
    this.options = parts.options
    this.sink = sink
    this.done = done
    this.tally = new Tally(parts.source.count, done?.count ?? 0, parts.clock.now())
  }

  async complete(): Promise<Summary> {
    const { client, clock, stderr, options } = this.parts
    const { allowedPerSecond } = client
    const startedAt = clock.now()
    const progress = new Progress(this.tally, stderr, clock, { allowedPerSecond })
    client.onRetry = (reason) => this.tally.retried(reason)
    const stopWatching = this.watchBreakers()
    if (!options.quiet) progress.start()
    try {
      await this.fetchAll()
    } finally {
      progress.stop()
      stopWatching()
    }
    return summarize(this.tally, {
      stored: this.sink.stored,
      interrupted: this.interrupted,
      elapsedMs: clock.now() - startedAt,
      allowedPerSecond
    })
  }

  /**
   * Those under way are finished when the run is stopped, so they are not part of the context that
   * is cancelled.
   */
  private async fetchAll(): Promise<void> {
    const { concurrency } = this.options
    try {
      await forEachConcurrent(this.openItems(), (item) => this.fetchOne(item), {
        concurrency,
        context: Context.none
      })
    } finally {
      await this.sink.close()
    }
  }

  private async *openItems(): AsyncGenerator<Item> {
    const { source, signal } = this.parts
    for await (const item of source.items()) {
      if (signal.aborted) {
        this.interrupted = true
        return
      }
      if (this.done === undefined || this.look(item) === 'open') yield item
    }
  }

  private async fetchOne(item: Item): Promise<void> {
    const { client, clock, correlated = false } = this.parts
    this.tally.inFlight++
    const correlationId = correlated ? (item.id ?? `item-${item.index}`) : undefined
    const row = await fetchItem(client.http, clock, item, correlationId)
    this.tally.inFlight--
    const stored = this.sink.write(row)
    this.tally.ended(row)
    if (stored !== undefined) await stored
  }

  private look({ index, method, url, id }: Item): ReturnType<DoneIndex['look']> {
    return this.done?.look(index, fingerprint(method, url, id)) ?? 'open'
  }

  private watchBreakers(): () => void {
    const { openBreakers } = this.tally
    return subscribeTo<{ key?: string; to: string }>('aplomb:policies:breaker', ({ key, to }) => {
      if (to === 'closed') openBreakers.delete(key ?? '')
      else openBreakers.set(key ?? '', to)
    })
  }
}

async function checkSameInput({ source, destination }: RunParts, done: DoneIndex): Promise<void> {
  for await (const { index, method, url, id } of source.items()) {
    if (done.look(index, fingerprint(method, url, id)) !== 'other') continue
    throw invalidOptions('aplomb fetch', [
      `--resume: ${destination.name} holds another request at place ${index + 1} of the input ` +
        `than ${url}: this is not the input that was begun with`
    ])
  }
}
