import type { Readable } from 'node:stream'
import type { RequestOptions } from './client-options.ts'
import type { Delivery } from './call-types.ts'
import { asBytes, asJson, asResponse, asStream, asText, asValid } from './deliver.ts'
import type { HttpResponse } from './http-response.ts'
import { redactUrl } from './redact.ts'
import { showAs } from './shown.ts'
import type { Schema, SchemaOutput } from './schema.ts'

/** Makes the call once it is known in which form its body is wanted. */
export interface Caller {
  call<T>(
    method: string,
    path: string | URL,
    options: RequestOptions | undefined,
    delivery: Delivery,
    wantsJson: boolean
  ): Promise<T>
}

/**
 * A request that is sent when it is said what of the response is wanted, so that a body that is
 * gathered anyway never becomes a stream. To `await` it is the same as `response()`.
 */
export class PendingResponse implements PromiseLike<HttpResponse> {
  private readonly caller: Caller
  private readonly method: string
  private readonly path: string | URL
  private readonly options: RequestOptions | undefined
  private started = false

  static {
    showAs(this.prototype, (self) => ({ PendingResponse: self.toJSON() }))
  }

  constructor(
    caller: Caller,
    method: string,
    path: string | URL,
    options: RequestOptions | undefined
  ) {
    this.caller = caller
    this.method = method
    this.path = path
    this.options = options
  }

  /** The body as JSON, checked by a schema if one is given; undefined for 204 and its like. */
  json<T = unknown>(): Promise<T>
  json<S extends Schema>(schema: S): Promise<SchemaOutput<S>>
  json(schema?: Schema): Promise<unknown> {
    return this.start(schema === undefined ? asJson : asValid(schema), true)
  }

  /** The body as text. */
  text(): Promise<string> {
    return this.start(asText, false)
  }

  /** The body as bytes. */
  bytes(): Promise<Buffer> {
    return this.start(asBytes, false)
  }

  /** The body as a Node.js stream, when its head is here. */
  stream(): Promise<Readable> {
    return this.start(asStream, false)
  }

  /** The response, when its head is here. */
  response(): Promise<HttpResponse> {
    return this.start(asResponse, false)
  }

  // oxlint-disable-next-line unicorn/no-thenable -- a request that is awaited must not be forgotten
  then<A = HttpResponse, B = never>(
    onResponse?: ((response: HttpResponse) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null
  ): Promise<A | B> {
    return this.response().then(onResponse, onError)
  }

  toJSON(): object {
    return { method: this.method, path: redactUrl(String(this.path)) }
  }

  private start<T>(delivery: Delivery, wantsJson: boolean): Promise<T> {
    if (this.started) throw new TypeError('The request was already sent; each can be read once')
    this.started = true
    return this.caller.call(this.method, this.path, this.options, delivery, wantsJson)
  }
}
