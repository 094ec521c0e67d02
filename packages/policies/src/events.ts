import { eventChannel, type EventChannel } from '@aplomb/kernel'
import type { BreakerState } from './breaker-state.ts'
import type { FailureClass } from './classify.ts'

/** `aplomb:policies:retry`: an attempt failed and another will follow. */
export interface RetryMessage {
  readonly name: string
  /** The attempt that failed, counted from 1. */
  readonly attempt: number
  readonly reason: FailureClass
  /** How long the retry waits before the next one, in milliseconds. */
  readonly delayMs: number
  readonly correlationId?: string | undefined
}

/** `aplomb:policies:give-up`: a retry or hedge that could have gone on did not. */
export interface GiveUpMessage {
  readonly name: string
  readonly attempts: number
  readonly reason: 'attempts' | 'budget' | 'deadline' | 'retry-after'
  readonly correlationId?: string | undefined
}

/** `aplomb:policies:breaker`: a breaker changed its state. */
export interface BreakerMessage {
  readonly name: string
  readonly key?: string | undefined
  readonly from: BreakerState
  readonly to: BreakerState
  /** How long it stays open, in milliseconds, where `to` is `open`. */
  readonly openMs?: number | undefined
}

/** `aplomb:policies:timeout`: the time of an operation is over. */
export interface TimeoutMessage {
  readonly name: string
  readonly phase: string
  readonly timeoutMs: number
  readonly correlationId?: string | undefined
}

/** `aplomb:policies:hedge`: a further copy of a slow or failed call was started. */
export interface HedgeMessage {
  readonly name: string
  /** Which copy: 2 is the first hedge. */
  readonly attempt: number
  readonly reason: 'slow' | 'failed'
  readonly delayMs: number
  readonly correlationId?: string | undefined
}

/** `aplomb:policies:fallback`: a substitute was given instead of a failure. */
export interface FallbackMessage {
  readonly name: string
  readonly correlationId?: string | undefined
}

/** `aplomb:policies:chaos`: a failure was made on purpose. */
export interface ChaosMessage {
  readonly name: string
  readonly injected: 'fault' | 'latency' | 'outcome'
  readonly delayMs?: number | undefined
  readonly correlationId?: string | undefined
}

/** `aplomb:policies:rejected`: a policy refused a call before it started. */
export interface RejectedMessage {
  readonly name: string
  readonly code: string
  readonly retryAfterMs?: number | undefined
  readonly correlationId?: string | undefined
}

/** `aplomb:policies:waited`: a call was let in, but had to wait. */
export interface WaitedMessage {
  readonly name: string
  readonly waitedMs: number
  readonly correlationId?: string | undefined
}

export const retryChannel: EventChannel<RetryMessage> = eventChannel('policies', 'retry')
export const giveUpChannel: EventChannel<GiveUpMessage> = eventChannel('policies', 'give-up')
export const breakerChannel: EventChannel<BreakerMessage> = eventChannel('policies', 'breaker')
export const timeoutChannel: EventChannel<TimeoutMessage> = eventChannel('policies', 'timeout')
export const hedgeChannel: EventChannel<HedgeMessage> = eventChannel('policies', 'hedge')
export const fallbackChannel: EventChannel<FallbackMessage> = eventChannel('policies', 'fallback')
export const chaosChannel: EventChannel<ChaosMessage> = eventChannel('policies', 'chaos')
export const rejectedChannel: EventChannel<RejectedMessage> = eventChannel('policies', 'rejected')
export const waitedChannel: EventChannel<WaitedMessage> = eventChannel('policies', 'waited')
