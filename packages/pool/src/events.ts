import { eventChannel, type EventChannel } from '@aplomb/kernel'
import type { AcquirePhase } from './errors.ts'

/** Why a resource was destroyed. */
export type DestroyReason =
  /** Idle for longer than `idleTimeoutMs`. */
  | 'idle'
  /** Older than `maxLifetimeMs`. */
  | 'lifetime'
  /** Lent out `maxUses` times. */
  | 'uses'
  /** `validate` said no, threw, or took too long. */
  | 'invalid'
  /** `reset` threw or took too long. */
  | 'reset'
  /** The holder called `lease.destroy()`. */
  | 'holder'
  /** `pool.invalidate(resource)`. */
  | 'invalidated'
  /** `pool.expireAll()`. */
  | 'generation'
  /** `pool.resize()` left no room for it. */
  | 'resize'
  /** It was created after its time, or for a pool that had closed. */
  | 'late'
  | 'closed'

/** The messages of each channel, by the last part of its name. */
export interface PoolEvents {
  acquire: { readonly pool: string; readonly waitMs: number }
  release: { readonly pool: string; readonly useMs: number }
  create: { readonly pool: string; readonly createMs: number }
  'create-error': {
    readonly pool: string
    readonly error: unknown
    /** How many creations have failed since one succeeded. */
    readonly failures: number
    /** When the next one is tried, in milliseconds from now. */
    readonly retryInMs: number
  }
  destroy: { readonly pool: string; readonly reason: DestroyReason; readonly ageMs: number }
  /** `destroy` threw or took too long. */
  'destroy-error': { readonly pool: string; readonly error: unknown }
  /** A resource failed its validation; `error` is undefined where `validate` said `false`. */
  invalid: { readonly pool: string; readonly error: unknown }
  timeout: { readonly pool: string; readonly waitMs: number; readonly phase: AcquirePhase }
  leak: { readonly pool: string; readonly heldMs: number; readonly stack: string }
  deadlock: { readonly pool: string; readonly max: number; readonly waiting: number }
  resize: { readonly pool: string; readonly min: number; readonly max: number }
  close: { readonly pool: string; readonly leased: number; readonly waiting: number }
}

type Channels = { readonly [K in keyof PoolEvents]: EventChannel<PoolEvents[K]> }

/** One channel each, `aplomb:pool:<name>`. Ask `hasSubscribers` before building a message. */
export const channels: Channels = {
  acquire: eventChannel('pool', 'acquire'),
  release: eventChannel('pool', 'release'),
  create: eventChannel('pool', 'create'),
  'create-error': eventChannel('pool', 'create-error'),
  destroy: eventChannel('pool', 'destroy'),
  'destroy-error': eventChannel('pool', 'destroy-error'),
  invalid: eventChannel('pool', 'invalid'),
  timeout: eventChannel('pool', 'timeout'),
  leak: eventChannel('pool', 'leak'),
  deadlock: eventChannel('pool', 'deadlock'),
  resize: eventChannel('pool', 'resize'),
  close: eventChannel('pool', 'close')
}
