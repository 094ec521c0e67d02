import type { ClientOptions, RequestOptions } from './client-options.ts'
import type { Fetch } from './fetch.ts'
import type { PaginateOptions } from './paginate.ts'
import type { PendingResponse } from './pending-response.ts'

/** An HTTP client; see `createClient`. */
export interface HttpClient extends AsyncDisposable {
  get(path: string | URL, options?: RequestOptions): PendingResponse
  head(path: string | URL, options?: RequestOptions): PendingResponse
  post(path: string | URL, options?: RequestOptions): PendingResponse
  put(path: string | URL, options?: RequestOptions): PendingResponse
  patch(path: string | URL, options?: RequestOptions): PendingResponse
  delete(path: string | URL, options?: RequestOptions): PendingResponse
  options(path: string | URL, options?: RequestOptions): PendingResponse
  /** The items of a list that comes in pages; see `PaginateOptions`. */
  paginate<Item = unknown>(
    path: string | URL,
    options?: PaginateOptions<Item>
  ): AsyncGenerator<Item, void, undefined>
  /** A WHATWG fetch on this client, bound, to be handed to SDKs. */
  readonly fetch: Fetch
  /** Any other method, QUERY for instance. */
  request(method: string, path: string | URL, options?: RequestOptions): PendingResponse
  /**
   * A client with changes. It shares connections, limits and breakers with this one unless it
   * changes how they are made; headers are merged.
   */
  extend(changes: ClientOptions): HttpClient
  /** Takes no more calls and resolves when those under way have ended and all is closed. */
  close(): Promise<void>
  /** Aborts what is under way, with `reason` for its callers, and closes all. */
  destroy(reason?: unknown): Promise<void>
}
