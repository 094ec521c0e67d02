import { Readable } from 'node:stream'
import { isAnyArrayBuffer } from 'node:util/types'
import { entriesOf } from './entries.ts'
import { HttpRequestError } from './errors.ts'
import { readableOf, StreamBody } from './stream-body.ts'
import { plainText } from './target.ts'
import { EngineFormData } from './undici.ts'

/** What can be sent as it is. */
export type BodyInput =
  | string
  | ArrayBuffer
  | ArrayBufferView
  | Blob
  | FormData
  | URLSearchParams
  | ReadableStream<Uint8Array>
  | Readable
  | AsyncIterable<Uint8Array | string>
  | Iterable<Uint8Array>
  /** Called for every attempt, so that a stream can be repeated. */
  | (() => BodyInput)

/** What can be sent as a form. */
export type FormInput =
  | URLSearchParams
  | FormData
  | Readonly<Record<string, unknown>>
  | Iterable<readonly [string, unknown]>

/** What the engine takes. */
export type WireBody = string | Uint8Array | Readable | EngineFormData | null

/** A request's body, ready for one attempt or, if it is replayable, for several. */
export interface RequestBody {
  /** A stream can be sent once only. */
  readonly replayable: boolean
  readonly contentType: string | undefined
  /** Sent as `content-length`; the engine finds out the others by itself. */
  readonly contentLength: number | undefined
  /** How long it is, for progress, where that is known. */
  readonly size: number | undefined
  /** The body for the next attempt. */
  open(): WireBody
  /** Whether it was the body that failed with this, not the connection. */
  failedWith?(error: unknown): boolean
  /** A connection takes it now. */
  written?(): void
  /** The call is over: what was not begun lets its file or its connection go. */
  discard?(reason: unknown): void
}

/** Of a body that says nothing about itself; each a property of its own, so that none is inherited. */
const unknown = { contentType: undefined, contentLength: undefined, size: undefined }

/** A body of text or bytes: the same for every attempt. */
export class FixedBody implements RequestBody {
  readonly replayable = true
  readonly contentLength = undefined
  readonly contentType: string | undefined
  private readonly content: string | Uint8Array

  constructor(content: string | Uint8Array, contentType: string | undefined) {
    this.content = content
    this.contentType = contentType
  }

  get size(): number {
    return Buffer.byteLength(this.content)
  }

  open(): WireBody {
    return this.content
  }
}

/** JSON; throws for what has no JSON form (`undefined`, a cycle, a bigint). */
export function jsonBody(value: unknown): RequestBody {
  const text = stringify(value)
  if (text === undefined) throw new HttpRequestError(['json: the value has no JSON form'])
  return new FixedBody(text, 'application/json')
}

function stringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch (error) {
    throw new HttpRequestError([`json: ${(error as Error).message.split('\n', 1)[0]}`])
  }
}

/** A form: `application/x-www-form-urlencoded`, or multipart for a `FormData` of either realm. */
export function formBody(form: FormInput): RequestBody {
  if (isFormData(form)) return multipartBody(form)
  const params = form instanceof URLSearchParams ? form : new URLSearchParams()
  if (params !== form) {
    for (const [name, value] of entriesOf<unknown>(form)) {
      for (const item of Array.isArray(value) ? value : [value]) {
        if (item !== undefined) params.append(name, plainText(`form.${name}`, item))
      }
    }
  }
  return new FixedBody(params.toString(), 'application/x-www-form-urlencoded;charset=UTF-8')
}

/** Any other body. */
export function plainBody(input: BodyInput): RequestBody {
  if (typeof input === 'string') return new FixedBody(input, 'text/plain;charset=UTF-8')
  // Of any realm: test runners make their own.
  if (isAnyArrayBuffer(input)) return new FixedBody(new Uint8Array(input), undefined)
  if (ArrayBuffer.isView(input)) return new FixedBody(bytesOf(input), undefined)
  if (input instanceof URLSearchParams || isFormData(input)) return formBody(input)
  if (input instanceof Blob) return blobBody(input)
  if (typeof input === 'function') return factoryBody(input)
  return new StreamBody(readableOf(input))
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

function multipartBody(form: FormData): RequestBody {
  // The engine takes only its own FormData; any other would go out as "[object FormData]".
  const copy = new EngineFormData()
  for (const [name, value] of form.entries()) {
    if (typeof value === 'string') copy.append(name, value)
    else copy.append(name, value, value.name)
  }
  return { ...unknown, replayable: true, open: () => copy }
}

function blobBody(blob: Blob): RequestBody {
  return {
    replayable: true,
    contentType: blob.type === '' ? undefined : blob.type,
    contentLength: blob.size,
    size: blob.size,
    open: () => Readable.fromWeb(blob.stream() as never)
  }
}

function factoryBody(make: () => BodyInput): RequestBody {
  const made: RequestBody[] = []
  return {
    ...unknown,
    replayable: true,
    open() {
      const body = plainBody(make())
      made.push(body)
      return body.open()
    },
    failedWith: (error) => made.some((body) => body.failedWith?.(error) === true)
  }
}

/** A `FormData` of any realm: Node's own, undici's, a polyfill's. */
export function isFormData(value: unknown): value is FormData {
  const form = value as Partial<FormData> & { [Symbol.toStringTag]?: unknown }
  return (
    typeof value === 'object' &&
    value !== null &&
    form[Symbol.toStringTag] === 'FormData' &&
    typeof form.entries === 'function'
  )
}
