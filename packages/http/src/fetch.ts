import type { Delivery } from './call-types.ts'
import { fetchError } from './fetch-error.ts'
import { fetchResponse } from './fetch-response.ts'
import type { FetchInit, FetchInput } from './fetch-request.ts'

/**
 * A WHATWG fetch with the client's stack below it, for any SDK that takes a fetch. It takes the
 * `Request`, `Headers`, `FormData`, `Blob` and signals of Node.js and of undici. It rejects as any
 * fetch does, with the signal's reason or with a `TypeError`, which has the `code`, the `kind` and the
 * fields of our error too; refusals and timeouts of ours are what they are. A status never rejects.
 */
export interface Fetch {
  (input: FetchInput, init?: RequestInit | FetchInit): Promise<Response>
  /** The class that its responses are instances of. */
  readonly Response: typeof Response
  readonly Request: typeof Request
  readonly Headers: typeof Headers
  readonly FormData: typeof FormData
}

/** Gives the call's response. */
export const asFetch: Delivery = {
  streams: true,
  deliver: (attempt, body) => fetchResponse(attempt, body),
  failure: (error) => fetchError(error, 'fetch failed')
}

/** A function with the classes that some SDKs look for on their fetch. */
export function makeFetch(call: (input: FetchInput, init?: FetchInit) => Promise<Response>): Fetch {
  return Object.assign(call as Fetch, { Response, Request, Headers, FormData })
}
