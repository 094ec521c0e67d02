import { Context } from '@aplomb/kernel'

/**
 * The correlation id of the work that runs now, as fields for a log line; none outside of any. Give
 * it to pino as its `mixin`: `pino({ mixin: correlation })`.
 */
export function correlation(): { correlationId?: string } {
  const { correlationId } = Context.current()
  return correlationId === undefined ? {} : { correlationId }
}
