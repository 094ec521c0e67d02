import { eventChannel, type EventChannel } from '@aplomb/kernel'

/** What every event of an attempt says; nothing in it is secret. */
interface AttemptFacts {
  readonly method: string
  readonly origin: string
  /** Without the values of secret query parameters. */
  readonly path: string
  /** Counted from 1. */
  readonly attempt: number
  readonly correlationId: string | undefined
}

/** `aplomb:http:request`: an attempt goes to the engine. A response or an error follows. */
export interface RequestMessage extends AttemptFacts {
  /** The attempt's own object, the same in the event that follows; for maps of spans. */
  readonly key: object
}
export const requestChannel: EventChannel<RequestMessage> = eventChannel('http', 'request')

/** `aplomb:http:response`: the attempt was answered, whatever the status. */
export interface ResponseMessage extends RequestMessage {
  readonly status: number
  /** From the engine to the end of the body, or to the head where the body is streamed. */
  readonly durationMs: number
  readonly bytesReceived: number
}
export const responseChannel: EventChannel<ResponseMessage> = eventChannel('http', 'response')

/** `aplomb:http:error`: the attempt ended without a whole answer. */
export interface ErrorMessage extends RequestMessage {
  /** The error's code, or its name: OpenTelemetry's `error.type`. */
  readonly errorType: string
  readonly durationMs: number
  readonly sent: boolean
}
export const errorChannel: EventChannel<ErrorMessage> = eventChannel('http', 'error')

/** `aplomb:http:retry`: another attempt will be made. */
export interface RetryMessage extends AttemptFacts {
  readonly reason: string
  readonly delayMs: number
}
export const retryChannel: EventChannel<RetryMessage> = eventChannel('http', 'retry')

/** `aplomb:http:pause`: the server asked for a pause, so nothing is sent to the origin for a while. */
export interface PauseMessage {
  readonly origin: string
  readonly pauseMs: number
  readonly reason: 'retry-after' | 'throttled' | 'quota'
}
export const pauseChannel: EventChannel<PauseMessage> = eventChannel('http', 'pause')

/** `aplomb:http:eject`: an endpoint of a balanced service is left out for a while. */
export interface EjectMessage {
  readonly endpoint: string
  readonly ejectMs: number
}
export const ejectChannel: EventChannel<EjectMessage> = eventChannel('http', 'eject')
