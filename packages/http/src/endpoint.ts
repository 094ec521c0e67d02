import type { Clock } from '@aplomb/kernel'
import { Bare } from './bare.ts'
import { OutlierState } from './outlier.ts'
import { PeakEwma } from './peak-ewma.ts'
import type { Engine, EngineController, EngineHandler } from './undici.ts'

/** One server of a service, with what is known of it. */
export class Endpoint {
  readonly name: string
  readonly engine: Engine
  readonly latency: PeakEwma = new PeakEwma()
  readonly outlier: OutlierState = new OutlierState()
  pending = 0

  constructor(name: string, engine: Engine) {
    this.name = name
    this.engine = engine
  }

  cost(now: number): number {
    return this.latency.cost(this.pending, now)
  }
}

/** Is told how each request to an endpoint ended. */
export interface Watcher {
  readonly clock: Clock
  ended(endpoint: Endpoint, latencyMs: number, failed: boolean): void
}

/** A handler that measures on its way: the latency to the head, and whether the server failed. */
export class WatchedHandler extends Bare implements EngineHandler {
  private readonly handler: EngineHandler
  private readonly endpoint: Endpoint
  private readonly watcher: Watcher
  private readonly startedAt: number
  private readonly busy: Set<unknown> | undefined
  private answered = false
  private counted = true

  constructor(
    handler: EngineHandler,
    endpoint: Endpoint,
    watcher: Watcher,
    busy: Set<unknown> | undefined
  ) {
    super()
    this.handler = handler
    this.endpoint = endpoint
    this.watcher = watcher
    this.busy = busy
    this.startedAt = watcher.clock.now()
    endpoint.pending++
    busy?.add(endpoint)
  }

  onRequestStart(controller: EngineController, context: unknown): void {
    this.handler.onRequestStart?.(controller, context)
  }

  onBodySent(chunk: Buffer): void {
    this.handler.onBodySent?.(chunk)
  }

  onRequestSent(): void {
    this.handler.onRequestSent?.()
  }

  onResponseStarted(): void {
    this.handler.onResponseStarted?.()
  }

  onRequestUpgrade(...args: Parameters<NonNullable<EngineHandler['onRequestUpgrade']>>): void {
    this.tell(false)
    this.release()
    this.handler.onRequestUpgrade?.(...args)
  }

  onResponseStart(...args: Parameters<NonNullable<EngineHandler['onResponseStart']>>): void {
    if (args[1] >= 200) this.tell(args[1] >= 500)
    this.handler.onResponseStart?.(...args)
  }

  onResponseData(controller: EngineController, chunk: Buffer): void {
    this.handler.onResponseData?.(controller, chunk)
  }

  onResponseEnd(...args: Parameters<NonNullable<EngineHandler['onResponseEnd']>>): void {
    this.release()
    this.handler.onResponseEnd?.(...args)
  }

  onResponseError(controller: EngineController, error: Error): void {
    // An abort by the caller tells nothing about the server.
    if (!this.answered && !controller?.aborted) this.tell(true)
    this.release()
    this.handler.onResponseError?.(controller, error)
  }

  private tell(failed: boolean): void {
    this.answered = true
    this.watcher.ended(this.endpoint, this.watcher.clock.now() - this.startedAt, failed)
  }

  private release(): void {
    if (!this.counted) return
    this.counted = false
    this.endpoint.pending--
    this.busy?.delete(this.endpoint)
  }
}
