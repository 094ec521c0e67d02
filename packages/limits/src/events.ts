import { eventChannel, type Clock, type EventChannel } from '@aplomb/kernel'

/** What a limiter is. */
export type LimiterKind = 'semaphore' | 'rate' | 'adaptive'

/** `aplomb:limits:wait`: a call that had to queue has been let in. */
export interface WaitMessage {
  readonly limiter: string
  readonly kind: LimiterKind
  readonly waitMs: number
  readonly weight: number
  /** The call's key, only where the limiter's `publishKeys` says that keys are no secrets. */
  readonly key?: string
}

/** `aplomb:limits:reject`: a call was refused, or gave up in the queue. */
export interface RejectMessage {
  readonly limiter: string
  readonly kind: LimiterKind
  /** The error's code; `ABORTED` when the caller cancelled. */
  readonly code: string
  readonly weight: number
  readonly retryAfterMs?: number
  readonly key?: string
}

/** What a limiter looks like now, for a gauge. */
export interface LimiterStatistics {
  /** Units handed out and not given back (rate limiters: only in strict mode). */
  readonly inFlight: number
  /** Calls that wait. */
  readonly queued: number
  /** What could be had at once now. */
  readonly available: number
  /** The present limit. */
  readonly limit: number
  /** Keys with state of their own. */
  readonly keys?: number
  /** Adaptive limits: the round trip the limit goes by, in milliseconds. */
  readonly rttMs?: number
}

/** `aplomb:limits:created`: a new limiter; `read` tells its state whenever it is asked. */
export interface CreatedMessage {
  readonly limiter: string
  readonly kind: LimiterKind
  readonly read: () => LimiterStatistics
}

/** `aplomb:limits:adapt`: an adaptive limit has changed. */
export interface AdaptMessage {
  readonly limiter: string
  readonly algorithm: string
  readonly limit: number
  readonly previous: number
  readonly rttMs: number
}

export const waitChannel: EventChannel<WaitMessage> = eventChannel('limits', 'wait')
export const rejectChannel: EventChannel<RejectMessage> = eventChannel('limits', 'reject')
export const createdChannel: EventChannel<CreatedMessage> = eventChannel('limits', 'created')
export const adaptChannel: EventChannel<AdaptMessage> = eventChannel('limits', 'adapt')

export function publishCreated(
  limiter: string,
  kind: LimiterKind,
  read: () => LimiterStatistics
): void {
  if (createdChannel.hasSubscribers) createdChannel.publish({ limiter, kind, read })
}

/** Tells that a call was let in after a wait, if anyone listened when it joined. */
export function publishWait(
  limiter: string,
  kind: LimiterKind,
  clock: Clock,
  { since, weight }: { readonly since: number | undefined; readonly weight: number },
  key?: string
): void {
  if (since === undefined) return
  const waitMs = clock.now() - since
  waitChannel.publish({ limiter, kind, waitMs, weight, ...(key === undefined ? {} : { key }) })
}

export function publishReject(
  limiter: string,
  kind: LimiterKind,
  weight: number,
  error: unknown,
  key?: string
): void {
  if (!rejectChannel.hasSubscribers) return
  const { code, kind: errorKind, retryAfterMs } = (error ?? {}) as Record<string, unknown>
  rejectChannel.publish({
    limiter,
    kind,
    code: typeof code === 'string' && errorKind !== undefined ? code : 'ABORTED',
    weight,
    ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}),
    ...(key === undefined ? {} : { key })
  })
}
