import type { Clock } from '@aplomb/kernel'
import { ForwardTime } from './forward-time.ts'
import { KeyTable } from './key-table.ts'
import { createMeters, earliestOf, RateKey } from './rate-key.ts'
import type { ResolvedWindow } from './rate-spec.ts'

/** What is asked of a store. */
export interface StoreRequest {
  readonly key: string
  readonly weight: number
  readonly windows: readonly ResolvedWindow[]
}

/** What a store answers: all windows were charged, or none. */
export type StoreAnswer =
  | {
      readonly granted: true
      /** What `giveBack` needs to undo it; the store's own business. */
      readonly ticket: unknown
    }
  | {
      readonly granted: false
      /** When asking again makes sense, in milliseconds; Infinity for never. */
      readonly retryAfterMs: number
    }

/**
 * Where the windows of many processes are counted. Each method is one atomic step: a store in Redis
 * runs one script for it, and takes the time from the server.
 */
export interface RateStore {
  /**
   * Takes `weight` from all windows of the key, or from none. Who asks for other windows of the same
   * key is counted apart.
   */
  take(request: StoreRequest): Promise<StoreAnswer>
  /** Undoes what a `take` granted and nobody used. */
  giveBack(request: StoreRequest, ticket: unknown): Promise<void>
}

/** A store in this process: for tests, and as the measure of what others must do. */
export class MemoryStore implements RateStore {
  private readonly clock: Clock
  private readonly time = new ForwardTime()
  private readonly keys: KeyTable
  private windows: readonly ResolvedWindow[] = []

  constructor(clock: Clock, maxKeys = 10_000) {
    this.clock = clock
    const create = (key: string): RateKey =>
      new RateKey(
        key,
        this.windows.flatMap((window) => createMeters(window, false, 0)),
        1
      )
    this.keys = new KeyTable(maxKeys, create)
  }

  take(request: StoreRequest): Promise<StoreAnswer> {
    const { weight, windows } = request
    this.windows = windows
    const now = this.now()
    const { meters } = this.keys.get(nameOf(request), () => now)
    const at = earliestOf(meters, now, weight)
    if (at > now) return Promise.resolve({ granted: false, retryAfterMs: at - now })
    for (const meter of meters) meter.take(now, weight)
    return Promise.resolve({ granted: true, ticket: now })
  }

  giveBack(request: StoreRequest, ticket: unknown): Promise<void> {
    const { meters = [] } = this.keys.peek(nameOf(request)) ?? {}
    for (const meter of meters) meter.giveBack(Number(ticket), request.weight)
    return Promise.resolve()
  }

  private now(): number {
    return this.time.read(this.clock.now())
  }
}

function nameOf({ key, windows }: StoreRequest): string {
  return JSON.stringify([key, windows])
}
