import type { Meter } from './meter.ts'
import type { RateKey } from './rate-key.ts'
import type { ResolvedRateOptions } from './rate-options.ts'
import type { ResolvedWindow } from './rate-spec.ts'
import { Quota, Ramp, type RateFeedback } from './server-feedback.ts'
import { SlidingWindow } from './sliding-window.ts'

/** Lets a key's state take in what a server said about it. */
export function applyFeedback(
  state: RateKey,
  feedback: RateFeedback,
  now: number,
  { windows, guardMs }: ResolvedRateOptions
): void {
  const { remaining, retryAfterMs, limit } = feedback
  const shortest = windows.reduce((a, b) => (b.perMs < a.perMs ? b : a))
  if (isUsable(retryAfterMs)) pauseAndRamp(state, now, retryAfterMs, shortest)
  if (isUsable(remaining)) {
    const resetMs = isUsable(feedback.resetMs) ? feedback.resetMs : shortest.perMs
    // In strict use, those still out may not be in the server's count yet.
    findOrAdd(state, Quota, () => new Quota()).learn(now, remaining - state.inFlight, resetMs)
  }
  if (isUsable(limit) && limit >= 1) {
    const { windowMs } = feedback
    lowerLimit(state, limit, windowMs === undefined ? undefined : windowMs + guardMs)
  }
}

function pauseAndRamp(
  state: RateKey,
  now: number,
  retryAfterMs: number,
  { limit, perMs }: ResolvedWindow
): void {
  const resumeAt = now + retryAfterMs
  if (resumeAt <= state.notBefore) return
  state.notBefore = resumeAt
  const ramp = findOrAdd(state, Ramp, () => new Ramp(perMs / limit))
  ramp.begin(resumeAt, resumeAt + Math.min(retryAfterMs, perMs))
}

/** A server that knows of one window alone does not say which of several ours it means. */
function lowerLimit(state: RateKey, limit: number, lengthMs: number | undefined): void {
  const exact = state.meters.filter((meter) => meter instanceof SlidingWindow)
  const [only] = lengthMs === undefined ? exact : exact.filter(({ perMs }) => perMs === lengthMs)
  if (only !== undefined && (lengthMs !== undefined || exact.length === 1)) only.lower(limit)
}

function findOrAdd<M extends Meter>(
  state: RateKey,
  kind: new (...args: never[]) => M,
  create: () => M
): M {
  const found = state.meters.find((meter): meter is M & Meter => meter instanceof kind)
  if (found !== undefined) return found
  const created = create()
  state.meters.push(created)
  return created
}

function isUsable(value: number | undefined): value is number {
  return value !== undefined && value >= 0 && value < Number.POSITIVE_INFINITY
}
