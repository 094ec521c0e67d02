/**
 * The HTTP status that an error tells of, in `status` or `statusCode`: its own, or that of the
 * `response` it carries, where got, ky and axios have it.
 */
export function httpStatusOf(error: unknown): number | undefined {
  const { response } = (error ?? {}) as { response?: unknown }
  return ownStatus(error) ?? ownStatus(response)
}

function ownStatus(carrier: unknown): number | undefined {
  const { status, statusCode } = (carrier ?? {}) as { status?: unknown; statusCode?: unknown }
  const found = status ?? statusCode
  return typeof found === 'number' ? found : undefined
}
