import { FailedError } from '@aplomb/kernel'

/**
 * The embedded PostgreSQL could not be found, prepared or started; the message ends with what the
 * program itself said last.
 */
export class EmbeddedPostgresError extends FailedError {
  override readonly name = 'EmbeddedPostgresError'
  override readonly code = 'ERR_EMBEDDED_POSTGRES'
  /** What was being done: `locate`, `initdb`, `start`, `stop`, `query`. */
  readonly phase: string

  constructor(phase: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.phase = phase
  }
}
