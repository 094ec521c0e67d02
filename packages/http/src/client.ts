import { callHook, Context } from '@aplomb/kernel'
import {
  buildFetch,
  buildRequest,
  ownOptions,
  requestDefaults,
  type RequestDefaults
} from './build-request.ts'
import { Call } from './call.ts'
import type { CallShared, Delivery } from './call-types.ts'
import type { CallSettings } from './call-settings.ts'
import type { ClientOptions, RequestOptions } from './client-options.ts'
import { drained } from './drained.ts'
import { HttpClientClosedError, HttpRequestError } from './errors.ts'
import { asFetch, makeFetch, type Fetch } from './fetch.ts'
import { fetchError } from './fetch-error.ts'
import type { FetchResponse } from './fetch-response.ts'
import {
  isLocal,
  readFetch,
  type FetchInit,
  type FetchInput,
  type FetchTask
} from './fetch-request.ts'
import { headerList, withoutHeaders, type HeadersInput } from './header-list.ts'
import type { HttpClient } from './http-client.ts'
import { verified } from './integrity.ts'
import { changesShared, mergeOptions, pairsOf } from './merge-options.ts'
import { paginate, type Pages, type PaginateOptions } from './paginate.ts'
import { PendingResponse, type Caller } from './pending-response.ts'
import { createPipeline } from './pipeline.ts'
import { isSecretHeader } from './redact.ts'
import { redactHeaders } from './redact-answer.ts'
import type { HttpRequest } from './request.ts'
import { resolveClientOptions, type ResolvedClientOptions } from './resolve-options.ts'
import { changedSettings, changesSettings, settingsOf } from './settings.ts'
import { showAs } from './shown.ts'
import { createTransport, type Transport } from './transport.ts'

/**
 * An HTTP client with the whole stack: deadlines, a concurrency limit, retries with a budget, a
 * breaker for each origin, a rate limit.
 *
 * @param origin What relative paths are relative to; it may also be an option, or left out.
 * @throws OptionsError with all that is wrong
 */
export function createClient(
  origin?: string | URL | ClientOptions,
  options?: Omit<ClientOptions, 'origin'>
): HttpClient {
  const given =
    typeof origin === 'string' || origin instanceof URL ? { ...options, origin } : { ...origin }
  return Client.create(given)
}

class Client implements HttpClient, Caller {
  private readonly given: ClientOptions
  private readonly resolved: ResolvedClientOptions
  private readonly defaults: RequestDefaults
  private readonly settings: CallSettings
  private readonly shared: CallShared
  private readonly transport: Transport
  /** The shared parts are another client's. */
  private readonly borrows: boolean
  private readonly fetchSettings: CallSettings
  private closed = false
  private destroyed = false
  private ended: Promise<void> | undefined = undefined
  readonly fetch: Fetch

  static {
    showAs(this.prototype, (self) => ({ HttpClient: self.toJSON() }))
  }

  static create(given: ClientOptions): Client {
    const resolved = resolveClientOptions(given)
    const transport = createTransport(resolved)
    return new Client(given, resolved, transport, createPipeline(resolved, transport), false)
  }

  private constructor(
    given: ClientOptions,
    resolved: ResolvedClientOptions,
    transport: Transport,
    shared: CallShared,
    borrows: boolean
  ) {
    this.given = given
    this.resolved = resolved
    this.defaults = requestDefaults(resolved)
    this.settings = settingsOf(resolved)
    this.shared = shared
    this.transport = transport
    this.borrows = borrows
    this.fetchSettings = { ...this.settings, throwOnStatus: false }
    this.fetch = makeFetch((input, init) => this.startFetch(input, init))
  }

  get(path: string | URL, options?: RequestOptions): PendingResponse {
    return new PendingResponse(this, 'GET', path, options)
  }

  head(path: string | URL, options?: RequestOptions): PendingResponse {
    return new PendingResponse(this, 'HEAD', path, options)
  }

  post(path: string | URL, options?: RequestOptions): PendingResponse {
    return new PendingResponse(this, 'POST', path, options)
  }

  put(path: string | URL, options?: RequestOptions): PendingResponse {
    return new PendingResponse(this, 'PUT', path, options)
  }

  patch(path: string | URL, options?: RequestOptions): PendingResponse {
    return new PendingResponse(this, 'PATCH', path, options)
  }

  delete(path: string | URL, options?: RequestOptions): PendingResponse {
    return new PendingResponse(this, 'DELETE', path, options)
  }

  options(path: string | URL, options?: RequestOptions): PendingResponse {
    return new PendingResponse(this, 'OPTIONS', path, options)
  }

  request(method: string, path: string | URL, options?: RequestOptions): PendingResponse {
    return new PendingResponse(this, method.toUpperCase(), path, options)
  }

  paginate<Item = unknown>(
    path: string | URL,
    options: PaginateOptions<Item> = {}
  ): AsyncGenerator<Item, void, undefined> {
    const pages: Pages = {
      origin: this.resolved.origin?.origin,
      get: (path, options) => this.get(path, options),
      getAbroad: (path, options) => this.withoutSecrets().get(path, options)
    }
    return paginate(pages, path, options)
  }

  private withoutSecrets(): Client {
    const headers = pairsOf(withoutHeaders(this.resolved.headers, isSecretHeader))
    const given = { ...this.given, headers }
    return new Client(given, resolveClientOptions(given), this.transport, this.shared, true)
  }

  /** Called by pending responses, not by you. */
  call<T>(
    method: string,
    path: string | URL,
    given: RequestOptions | undefined,
    delivery: Delivery,
    wantsJson: boolean
  ): Promise<T> {
    if (this.closed) return Promise.reject(new HttpClientClosedError())
    let { settings } = this
    let context: Context
    let options: RequestOptions | undefined
    if (given === undefined) {
      context = Context.current()
    } else {
      options = ownOptions(given)
      if (changesSettings(options)) settings = changedSettings(settings, options)
      const { signal, deadline, correlationId } = options
      context = Context.from({ signal, deadline, correlationId }, this.shared.clock)
    }
    const built = buildRequest(this.defaults, method, path, options, wantsJson, context)
    return this.run(context, settings, built, delivery)
  }

  private startFetch(input: FetchInput, init: FetchInit | undefined): Promise<Response> {
    if (this.closed) return Promise.reject(new HttpClientClosedError())
    try {
      if (isLocal(input)) return globalThis.fetch(input, init as RequestInit | undefined)
      const task = readFetch(input, init)
      return task instanceof Promise
        ? task.then((task) => this.runFetch(task))
        : this.runFetch(task)
    } catch (error) {
      return Promise.reject(fetchError(error, 'fetch failed'))
    }
  }

  private runFetch(task: FetchTask): Promise<Response> {
    const { signal, redirect } = task
    // All said, so that nothing is inherited.
    const given = { signal, deadline: undefined, correlationId: undefined }
    const context =
      signal === undefined ? Context.current() : Context.from(given, this.shared.clock)
    const settings =
      redirect === undefined || redirect === this.fetchSettings.redirect
        ? this.fetchSettings
        : { ...this.fetchSettings, redirect }
    const request = buildFetch(this.defaults, task, context)
    const response = this.run<FetchResponse>(context, settings, request, asFetch)
    const { integrity, method } = task
    return integrity === '' ? response : verified(response, integrity, method)
  }

  private run<T>(
    context: Context,
    settings: CallSettings,
    built: HttpRequest,
    delivery: Delivery
  ): Promise<T> {
    const request = this.resolved.onRequest === undefined ? built : this.hooked(built)
    return new Promise((resolve, reject) => {
      new Call(context, this.shared, settings, request, delivery, resolve, reject).start()
    })
  }

  extend(changes: ClientOptions): HttpClient {
    const given = mergeOptions(this.given, changes)
    if (changesShared(changes)) return Client.create(given)
    const resolved = resolveClientOptions(given)
    return new Client(given, resolved, this.transport, this.shared, true)
  }

  close(): Promise<void> {
    this.closed = true
    this.ended ??= this.borrows ? Promise.resolve() : this.drain()
    return this.ended
  }

  async destroy(reason: unknown = new HttpClientClosedError()): Promise<void> {
    this.closed = true
    if (this.borrows) return
    this.destroyed = true
    this.shared.active.abort(reason)
    this.shared.rate?.stragglers.close()
    const destroyed = this.transport.destroy(new HttpClientClosedError())
    this.ended = destroyed
    await destroyed
  }

  private async drain(): Promise<void> {
    await drained(this.shared)
    this.shared.rate?.stragglers.close()
    if (!this.destroyed) await this.transport.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  toJSON(): object {
    const { origin, headers } = this.resolved
    return {
      origin: origin?.origin,
      headers: { ...redactHeaders(Object.fromEntries(pairsOf(headers))) }
    }
  }

  private hooked(request: HttpRequest): HttpRequest {
    let added: HeadersInput | void = undefined
    callHook('onRequest', () => {
      added = this.resolved.onRequest?.({
        method: request.method,
        origin: request.origin,
        path: request.path
      })
    })
    if (added === undefined) return request
    // It would be taken for no headers.
    if ((added as unknown) instanceof Promise) {
      throw new HttpRequestError(['onRequest: must return headers, not a promise'])
    }
    return request.withHeaders(headerList(added as HeadersInput))
  }
}
