import { Readable } from 'node:stream'
import { isAnyArrayBuffer } from 'node:util/types'
import type { EndpointMemory } from './dispatch-options.ts'
import { HttpRequest } from './request.ts'
import { isFormData, type RequestBody, type WireBody } from './request-body.ts'
import { StreamBody } from './stream-body.ts'
import type { EngineOptions } from './undici.ts'

/** A request that someone else's dispatcher was given; it goes on as it is. */
export class ForwardedRequest extends HttpRequest {
  private readonly given: EngineOptions

  constructor(given: EngineOptions, keyHeader: string) {
    const { method, path, origin } = given
    const own = isSpentByReading(given.headers)
      ? { ...given, headers: new Set(given.headers) }
      : given
    // Only to find a key, and secrets in an answer; the engine reads the given ones.
    const headers = isObject(own.headers) ? flat(own.headers) : none
    const keyed = method !== 'GET' && hasHeader(headers, keyHeader)
    super(method, originOf(origin), path, headers, bodyOf(given.body), keyed)
    this.given = own
  }

  override engineOptions(_idleMs: number, memory: EndpointMemory): EngineOptions {
    this.body?.open()
    // The first of many needs no copy of its options.
    return memory.isShared ? ({ ...this.given, memory } as EngineOptions) : this.given
  }
}

const none: readonly string[] = []

function originOf(origin: string | URL | undefined): string {
  if (origin === undefined) return ''
  return typeof origin === 'string' ? origin : origin.origin
}

function bodyOf(body: WireBody | undefined): RequestBody | undefined {
  if (body === null || body === undefined) return undefined
  if (body instanceof Readable) return new StreamBody(body)
  return {
    replayable: isReplayable(body),
    contentType: undefined,
    contentLength: undefined,
    size: undefined,
    open: () => body
  }
}

/** Text, bytes, Blobs and forms can be sent again; a stream cannot. */
function isReplayable(body: unknown): boolean {
  return (
    typeof body === 'string' ||
    ArrayBuffer.isView(body) ||
    isAnyArrayBuffer(body) ||
    body instanceof Blob ||
    isFormData(body)
  )
}

/** The engine says itself what it does not take for headers. */
function isObject<T>(headers: T): headers is NonNullable<T> {
  return typeof headers === 'object' && headers !== null
}

type Field = [string, string | string[] | undefined]

/** An iterator, of `Headers.entries()` for instance: nobody can read it twice. */
function isSpentByReading(headers: EngineOptions['headers']): headers is IterableIterator<Field> {
  return typeof (headers as Partial<IterableIterator<Field>> | null)?.next === 'function'
}

function flat(headers: NonNullable<EngineOptions['headers']>): readonly string[] {
  if (Array.isArray(headers)) return headers.map(String)
  const entries = Symbol.iterator in headers ? [...headers] : Object.entries(headers)
  return entries.flatMap(([name, value]) => [name.toLowerCase(), String(value)])
}

function hasHeader(headers: readonly string[], wanted: string): boolean {
  return headers.some((name, index) => index % 2 === 0 && name.toLowerCase() === wanted)
}
