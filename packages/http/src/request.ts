import type { Context } from '@aplomb/kernel'
import { DispatchOptions, type EndpointMemory } from './dispatch-options.ts'
import { headerIn, mergeHeaders, withoutHeaders, type HeaderList } from './header-list.ts'
import type { RequestBody } from './request-body.ts'
import { isSecretHeader, redactUrl } from './redact.ts'
import type { RequestFacts } from './errors.ts'
import { isIdempotent, type Repetition } from './retryable.ts'
import { pathOf } from './target.ts'
import type { EngineOptions } from './undici.ts'

/** One request, ready to be sent, perhaps several times. */
export class HttpRequest implements Repetition, RequestFacts {
  readonly method: string
  readonly origin: string
  readonly path: string
  readonly headers: HeaderList
  readonly body: RequestBody | undefined
  readonly safe: boolean
  readonly keyed: boolean

  constructor(
    method: string,
    origin: string,
    path: string,
    headers: HeaderList,
    body: RequestBody | undefined,
    keyed: boolean
  ) {
    this.method = method
    this.origin = origin
    this.path = path
    this.headers = headers
    this.body = body
    this.keyed = keyed
    this.safe = isIdempotent(method)
  }

  get replayable(): boolean {
    return this.body === undefined || this.body.replayable
  }

  /** What the engine is told for one attempt; `idleMs` is 0 for no end. */
  engineOptions(idleMs: number, memory: EndpointMemory): EngineOptions {
    const body = this.body === undefined ? null : this.body.open()
    return new DispatchOptions(this.origin, this, body, idleMs, memory) as unknown as EngineOptions
  }

  /** The URL as it can be shown. */
  get url(): string {
    return redactUrl(this.origin + this.path)
  }

  /** The path as it can be shown. */
  get shownPath(): string {
    return this.path.includes('?') ? redactUrl(this.path) : this.path
  }

  /** The URL as it was sent. */
  get href(): string {
    return this.origin + this.path
  }

  header(name: string): string | undefined {
    return headerIn(this.headers, name)
  }

  withHeaders(changes: HeaderList): HttpRequest {
    const { method, origin, path, headers, body, keyed } = this
    return new HttpRequest(method, origin, path, mergeHeaders(headers, changes), body, keyed)
  }

  /** With what is left of the deadline, for servers that stop working when nobody waits. */
  withDeadline(name: string, { remainingMs }: Pick<Context, 'remainingMs'>): HttpRequest {
    if (remainingMs === Number.POSITIVE_INFINITY) return this
    return this.withHeaders([name.toLowerCase(), String(Math.ceil(remainingMs))])
  }

  /** The request that follows a redirect: to another origin without credentials. */
  redirected(url: URL, method: string): HttpRequest {
    const keepsBody = method === this.method
    const crosses = url.origin !== this.origin
    const headers = withoutHeaders(
      this.headers,
      (name) =>
        (!keepsBody && name.startsWith('content-')) ||
        (crosses && (name === 'host' || isSecretHeader(name)))
    )
    const body = keepsBody ? this.body : undefined
    return new HttpRequest(method, url.origin, pathOf(url), headers, body, this.keyed)
  }
}
