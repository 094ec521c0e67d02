import { Readable } from 'node:stream'
import type { Attempt } from './attempt.ts'
import { textOf } from './body-text.ts'
import type { Call } from './call.ts'
import { encodingOf } from './decode.ts'
import { fetchError } from './fetch-error.ts'
import { headerOf, type ResponseHeaders } from './header-list.ts'
import { headersOf } from './http-response.ts'
import type { IncomingBody } from './incoming-body.ts'
import { redactHeaders, redactText } from './redact-answer.ts'
import type { HttpRequest } from './request.ts'
import { showAs } from './shown.ts'
import { readAll, type ReadLimit } from './web-stream.ts'

/** Where the body comes from. */
export interface BodySource {
  readonly used: boolean
  bytes(): Promise<Buffer>
  /** `failure` is what a failing body fails with. */
  webStream(failure: (error: unknown) => unknown): ReadableStream<Uint8Array>
}

interface Head {
  readonly request: HttpRequest
  readonly status: number
  readonly statusText: string
  readonly url: string
  readonly redirected: boolean
  readonly rawHeaders: ResponseHeaders
  readonly call: Pick<Call, 'aborted' | 'reason' | 'settings'>
}

/** Statuses that never have a body, which `body` then shows as null. */
const nullBodyStatuses: ReadonlySet<number> = new Set([101, 103, 204, 205, 304])

/**
 * A WHATWG response that makes its headers and its stream only when someone looks at them. It
 * is an `instanceof Response`.
 */
export class FetchResponse {
  private readonly head: Head
  private readonly source: BodySource | undefined
  private list: Headers | undefined = undefined
  /** The body as it was looked at, or one arm of a clone; from then on it is read from here. */
  private web: ReadableStream<Uint8Array> | undefined

  static {
    showAs(this.prototype, (self) => ({ Response: self.toJSON() }))
  }

  constructor(head: Head, source: BodySource | undefined, web?: ReadableStream<Uint8Array>) {
    this.head = head
    this.source = source
    this.web = web
  }

  get type(): 'basic' {
    return 'basic'
  }

  get url(): string {
    return this.head.url
  }

  get redirected(): boolean {
    return this.head.redirected
  }

  get status(): number {
    return this.head.status
  }

  get ok(): boolean {
    return this.head.status >= 200 && this.head.status <= 299
  }

  get statusText(): string {
    return this.head.statusText
  }

  get headers(): Headers {
    this.list ??= headersOf(this.head.rawHeaders)
    return this.list
  }

  get body(): ReadableStream<Uint8Array> | null {
    const { source } = this
    if (source !== undefined) this.web ??= source.used ? spentStream() : this.openStream(source)
    return this.web ?? null
  }

  get bodyUsed(): boolean {
    if (this.web !== undefined) return isDisturbed(this.web)
    return this.source?.used ?? false
  }

  /** A copy, which is the caller's alone: what was gathered may be part of a larger buffer. */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await this.gather())
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer
  }

  async text(): Promise<string> {
    return textOf(await this.gather())
  }

  async json(): Promise<unknown> {
    return JSON.parse(textOf(await this.gather()))
  }

  async blob(): Promise<Blob> {
    return new Blob([await this.gather()], { type: this.headers.get('content-type') ?? '' })
  }

  async formData(): Promise<FormData> {
    const type = this.headers.get('content-type') ?? ''
    const bytes = await this.gather()
    return new Response(bytes, { headers: { 'content-type': type } }).formData()
  }

  clone(): FetchResponse {
    if (this.bodyUsed || this.body?.locked === true) {
      throw new TypeError('Response.clone: Body has already been consumed.')
    }
    const { body } = this
    if (body === null) return new FetchResponse(this.head, undefined)
    const [mine, theirs] = body.tee()
    this.web = mine
    const copy = new FetchResponse(this.head, undefined, theirs)
    copy.list = new Headers(this.headers)
    return copy
  }

  /** The same response with a body that is here already. */
  withBytes(bytes: Uint8Array<ArrayBuffer>): FetchResponse {
    return new FetchResponse(this.head, undefined, new Blob([bytes]).stream())
  }

  /** What can be shown of it: nothing secret. */
  toJSON(): object {
    const { status, statusText, redirected, rawHeaders, request } = this.head
    const headers = redactHeaders(rawHeaders, request)
    return {
      status,
      statusText: redactText(statusText, request),
      url: request.url,
      headers,
      redirected
    }
  }

  get [Symbol.toStringTag](): string {
    return 'Response'
  }

  private async gather(): Promise<Buffer> {
    const { source, web } = this
    const taken = web === undefined ? source?.used : web.locked || isDisturbed(web)
    if (taken === true) throw unusable()
    // As in any fetch, nobody gets a body after the abort, though all of it may be here.
    this.throwIfAborted()
    let bytes: Buffer | undefined
    try {
      bytes = await (web === undefined ? source?.bytes() : readAll(web, this.limit))
    } catch (error) {
      throw this.failure(error)
    }
    this.throwIfAborted()
    return bytes ?? Buffer.alloc(0)
  }

  private openStream(source: BodySource): ReadableStream<Uint8Array> {
    return source.webStream((error) => this.failure(error))
  }

  private failure(error: unknown): unknown {
    return this.head.call.aborted ? error : fetchError(error, 'terminated')
  }

  /** What `source` sees to for itself. */
  private get limit(): ReadLimit {
    const { call, rawHeaders, request } = this.head
    const { decompress, maxDecodedBytes, maxResponseBytes } = call.settings
    const encoding = decompress ? encodingOf(headerOf(rawHeaders, 'content-encoding')) : undefined
    return encoding === undefined
      ? { name: 'maxResponseBytes', maxBytes: maxResponseBytes, facts: request }
      : { name: 'maxDecodedBytes', maxBytes: maxDecodedBytes, facts: request }
  }

  private throwIfAborted(): void {
    const { call } = this.head
    if (call.aborted) throw call.reason
  }
}

// An `instanceof Response` without the price of the global class's constructor: every one of its
// members is overridden above.
Object.setPrototypeOf(FetchResponse.prototype, Response.prototype)

/** The response for a call whose head has arrived. */
export function fetchResponse(attempt: Attempt, body: IncomingBody | undefined): Response {
  const { status, statusText, request, headers, call } = attempt
  const bodyless = nullBodyStatuses.has(status) || request.method === 'HEAD'
  const head = {
    request,
    status,
    statusText,
    url: request.href,
    redirected: call.redirects > 0,
    rawHeaders: headers,
    call
  }
  return new FetchResponse(head, bodyless ? undefined : body)
}

function unusable(): TypeError {
  return new TypeError('Body is unusable: Body has already been read')
}

/** The body of a response that was read otherwise: it is there, but locked and used up. */
function spentStream(): ReadableStream<Uint8Array> {
  const stream = new ReadableStream<Uint8Array>({ start: (controller) => controller.close() })
  void stream.getReader().cancel()
  return stream
}

function isDisturbed(stream: ReadableStream): boolean {
  return Readable.isDisturbed(stream as never)
}
