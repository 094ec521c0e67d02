import type { Random } from '@aplomb/kernel'
import type { Entry } from './entry.ts'
import type { DestroyReason } from './events.ts'

/** The instant at which a resource born at `now` is too old: up to `jitter` of its life earlier. */
export function expiryOf(now: number, lifetimeMs: number, jitter: number, random: Random): number {
  return lifetimeMs === Number.POSITIVE_INFINITY
    ? lifetimeMs
    : now + lifetimeMs * (1 - jitter * random())
}

/** Why a resource must not be used again, from what it is itself; undefined if it may. */
export function worn(
  entry: Entry<unknown>,
  now: number,
  maxUses: number
): DestroyReason | undefined {
  if (entry.doom !== undefined) return entry.doom
  if (now >= entry.expiresAt) return 'lifetime'
  return entry.uses >= maxUses ? 'uses' : undefined
}
