import type { Attempt } from './attempt.ts'
import { errorChannel, requestChannel, responseChannel, type RequestMessage } from './events.ts'

// What the channels are told of an attempt: that it is sent, and once how it ended.

export function announceRequest(attempt: Attempt): void {
  attempt.announcedAt = attempt.clock.now()
  requestChannel.publish(facts(attempt))
}

export function announceResponse(attempt: Attempt): void {
  const { status, received: bytesReceived } = attempt
  const durationMs = sinceAnnounced(attempt)
  responseChannel.publish({ ...facts(attempt), status, durationMs, bytesReceived })
}

/** It has ended without a head, or with one that was not told of. */
export function announceEnd(attempt: Attempt, failed: boolean, outcome: unknown): void {
  if (!failed || attempt.status !== 0) {
    announceResponse(attempt)
    return
  }
  const { code, name } = (outcome ?? {}) as { code?: string; name?: string }
  const errorType = code ?? name ?? 'unknown'
  const durationMs = sinceAnnounced(attempt)
  errorChannel.publish({ ...facts(attempt), errorType, durationMs, sent: attempt.sent })
}

function sinceAnnounced(attempt: Attempt): number {
  const { announcedAt = 0 } = attempt
  attempt.announcedAt = undefined
  return attempt.clock.now() - announcedAt
}

function facts(attempt: Attempt): RequestMessage {
  const { request, origin, number, call } = attempt
  return {
    key: attempt,
    method: request.method,
    origin: origin.url,
    path: request.shownPath,
    attempt: number,
    correlationId: call.correlationId
  }
}
