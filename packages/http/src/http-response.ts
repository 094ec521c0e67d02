import type { Readable } from 'node:stream'
import type { Attempt } from './attempt.ts'
import { jsonOf, textOf } from './body-text.ts'
import { headerOf, type ResponseHeaders } from './header-list.ts'
import type { IncomingBody } from './incoming-body.ts'
import { redactHeaders, redactText } from './redact-answer.ts'
import type { HttpRequest } from './request.ts'
import { showAs } from './shown.ts'
import { validate, type Schema, type SchemaOutput } from './schema.ts'

/**
 * A response whose head is here. The body is read once, in the form that is asked for; one that
 * nobody reads does not hold up other requests.
 */
export class HttpResponse {
  readonly status: number
  readonly statusText: string
  /** How many attempts it took. */
  readonly attempts: number
  /** It comes from where a redirect led. */
  readonly redirected: boolean
  private readonly request: HttpRequest
  private readonly rawHeaders: ResponseHeaders
  private readonly body: IncomingBody | undefined
  private list: Headers | undefined = undefined

  static {
    showAs(this.prototype, (self) => ({ HttpResponse: self.toJSON() }))
  }

  constructor(attempt: Attempt, body: IncomingBody | undefined) {
    this.status = attempt.status
    this.statusText = attempt.statusText
    this.attempts = attempt.number
    this.redirected = attempt.call.redirects > 0
    this.request = attempt.request
    this.rawHeaders = attempt.headers
    this.body = body
  }

  /** The status is from 200 to 299. */
  get ok(): boolean {
    return this.status >= 200 && this.status < 300
  }

  /** Where it came from, as it was requested. */
  get url(): string {
    return this.request.href
  }

  get headers(): Headers {
    this.list ??= headersOf(this.rawHeaders)
    return this.list
  }

  /** All headers by their lower-case names, as a plain object; a list where one came repeatedly. */
  get headerRecord(): ResponseHeaders {
    return this.rawHeaders
  }

  /** One header, without making an object of all; several of a name are joined. */
  header(name: string): string | undefined {
    return headerOf(this.rawHeaders, name.toLowerCase())
  }

  get bodyUsed(): boolean {
    return this.body?.used ?? false
  }

  async bytes(): Promise<Buffer> {
    return (await this.body?.bytes()) ?? Buffer.alloc(0)
  }

  async text(): Promise<string> {
    return textOf(await this.bytes())
  }

  /** The body as JSON, checked by a schema if one is given; undefined for 204 and its like. */
  json<T = unknown>(): Promise<T>
  json<S extends Schema>(schema: S): Promise<SchemaOutput<S>>
  async json(schema?: Schema): Promise<unknown> {
    const value = jsonOf(await this.bytes(), this.status, this.request)
    return schema === undefined ? value : validate(schema, value, this.request)
  }

  /** The body as a Node.js stream. */
  stream(): Readable {
    return (this.body as IncomingBody).stream()
  }

  /** The body is not wanted; its connection is given back or closed. */
  discard(): void {
    this.body?.discard()
  }

  toJSON(): object {
    const { status, attempts, redirected } = this
    const statusText = redactText(this.statusText, this.request)
    const headers = redactHeaders(this.rawHeaders, this.request)
    return { status, statusText, url: this.request.url, headers, attempts, redirected }
  }
}

/** WHATWG headers of what the engine gives. */
export function headersOf(raw: ResponseHeaders): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(raw)) {
    if (Array.isArray(value)) for (const item of value) headers.append(name, item)
    else if (value !== undefined) headers.append(name, value)
  }
  return headers
}
