const encoder = new TextEncoder()

/** A body that is already there as bytes; undefined for none, and for those that must be read. */
export function bytesNow(body: unknown): Uint8Array | undefined {
  if (typeof body === 'string') return encoder.encode(body)
  return body instanceof Uint8Array ? body : undefined
}

/** Reads any body a client may send; `type` is the content type that the body brings itself. */
export async function readBytes(body: unknown): Promise<{ bytes: Uint8Array; type?: string }> {
  const now = bytesNow(body)
  if (now !== undefined) return { bytes: now }
  if (body instanceof ArrayBuffer) return { bytes: new Uint8Array(body) }
  if (isAsyncIterable(body) && !(body instanceof FormData)) return { bytes: await collect(body) }
  const response = new Response(body as FormData)
  const type = response.headers.get('content-type')
  const bytes = new Uint8Array(await response.arrayBuffer())
  return type === null ? { bytes } : { bytes, type }
}

async function collect(body: AsyncIterable<unknown>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) {
    chunks.push(typeof chunk === 'string' ? encoder.encode(chunk) : (chunk as Uint8Array))
  }
  return Buffer.concat(chunks)
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
