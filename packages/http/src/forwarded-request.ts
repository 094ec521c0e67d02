import type { EndpointMemory } from './dispatch-options.ts'
import { HttpRequest } from './request.ts'
import type { RequestBody, WireBody } from './request-body.ts'
import type { EngineOptions } from './undici.ts'

/** A request that someone else's dispatcher was given; it goes on as it is. */
export class ForwardedRequest extends HttpRequest {
  private readonly given: EngineOptions

  constructor(given: EngineOptions, keyHeader: string) {
    const { method, path, origin } = given
    // Only to find a key, and secrets in an answer; the engine reads the given ones.
    const headers = given.headers == null ? none : flat(given.headers)
    const keyed = method !== 'GET' && hasHeader(headers, keyHeader)
    super(method, originOf(origin), path, headers, bodyOf(given.body), keyed)
    this.given = given
  }

  override engineOptions(_idleMs: number, memory: EndpointMemory): EngineOptions {
    // The first of many needs no copy of its options.
    return memory.isShared ? ({ ...this.given, memory } as EngineOptions) : this.given
  }
}

const none: readonly string[] = []

function originOf(origin: string | URL | undefined): string {
  if (origin === undefined) return ''
  return typeof origin === 'string' ? origin : origin.origin
}

/** Text and bytes can be sent again; a stream cannot. */
function bodyOf(body: WireBody | undefined): RequestBody | undefined {
  if (body === null || body === undefined) return undefined
  const replayable = typeof body === 'string' || ArrayBuffer.isView(body)
  return {
    replayable,
    contentType: undefined,
    contentLength: undefined,
    size: undefined,
    open: () => body
  }
}

function flat(headers: NonNullable<EngineOptions['headers']>): readonly string[] {
  if (Array.isArray(headers)) return headers.map(String)
  const entries = Symbol.iterator in headers ? [...headers] : Object.entries(headers)
  return entries.flatMap(([name, value]) => [name.toLowerCase(), String(value)])
}

function hasHeader(headers: readonly string[], wanted: string): boolean {
  return headers.some((name, index) => index % 2 === 0 && name.toLowerCase() === wanted)
}
