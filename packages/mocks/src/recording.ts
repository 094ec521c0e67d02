import {
  exchangeOf,
  keyOf,
  readCassette,
  requestBodyOf,
  writeCassette,
  type RecordedBody,
  type RecordedExchange
} from './cassette.ts'
import type { MockRequest } from './mock-request.ts'
import { fetchFromNetwork } from './real-request.ts'
import type { Redaction } from './redact.ts'
import type { ReplySpec } from './reply-spec.ts'
import { Route } from './route.ts'
import type { UrlPattern } from './url-pattern.ts'

/** What the network answered so far, and the file it goes to. */
export class Recording implements Disposable {
  readonly file: string
  readonly exchanges: RecordedExchange[] = []
  private readonly redaction: Redaction

  /** Prefer `api.record`. */
  constructor(file: string, redaction: Redaction) {
    this.file = file
    this.redaction = redaction
  }

  /** Asks the network, and notes what it answers, without secrets. */
  async ask(request: MockRequest): Promise<ReplySpec> {
    const response = await fetchFromNetwork(request)
    this.exchanges.push(exchangeOf(request, response, this.redaction))
    const { status, statusText, rawHeaders, body } = response
    return { status, statusText, headers: withoutFraming(pairsOf(rawHeaders)), bytes: body }
  }

  /** Writes the file. The end of the block does so too. */
  save(): void {
    writeCassette(this.file, this.exchanges)
  }

  [Symbol.dispose](): void {
    this.save()
  }
}

/** A route for each request of a recording: its answers in order, and then the last for ever. */
export function replayRoutes(file: string, redaction: Redaction): Route[] {
  const groups = new Map<string, RecordedExchange[]>()
  for (const exchange of readCassette(file)) {
    const { method, url, body } = exchange.request
    const key = keyOf(method, url, body)
    groups.set(key, [...(groups.get(key) ?? []), exchange])
  }
  return [...groups.values()].map((exchanges) => routeOf(exchanges, redaction))
}

function routeOf(exchanges: readonly RecordedExchange[], redaction: Redaction): Route {
  const { method, url, body } = exchanges[0]!.request
  const wanted = JSON.stringify(body ?? null)
  const sent = (request: MockRequest): string =>
    JSON.stringify(requestBodyOf(request, redaction) ?? null)
  const hasSameBody = (request: MockRequest): boolean => sent(request) === wanted
  const route = new Route(method, exactPattern(url, redaction), {
    accepts: hasSameBody,
    differences: (request) =>
      hasSameBody(request) ? [] : [`body is ${sent(request)}, recorded ${wanted}`]
  })
  let next = 0
  return route.optional().respond(() => {
    const { response } = exchanges[Math.min(next++, exchanges.length - 1)]!
    const { status, statusText, headers } = response
    return { status, statusText, headers, ...bytesOf(response.body) }
  })
}

function exactPattern(url: string, redaction: Redaction): UrlPattern {
  const isSame = (request: MockRequest): boolean => redaction.url(request.url) === url
  const path = new URL(url).pathname
  return {
    text: url,
    origin: new URL(url).origin,
    match: (request) => (isSame(request) ? {} : undefined),
    fitsPath: (request) => request.path === path,
    differences: (request) =>
      isSame(request) ? [] : [`address is ${redaction.url(request.url)}, recorded ${url}`]
  }
}

function bytesOf(body: RecordedBody | undefined): { bytes?: Uint8Array } {
  if (body === undefined) return {}
  if ('base64' in body) return { bytes: Buffer.from(body.base64, 'base64') }
  return { bytes: Buffer.from('json' in body ? JSON.stringify(body.json) : body.text) }
}

function pairsOf(rawHeaders: readonly string[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let at = 0; at < rawHeaders.length; at += 2)
    pairs.push([rawHeaders[at]!, rawHeaders[at + 1]!])
  return pairs
}

function withoutFraming(pairs: readonly [string, string][]): [string, string][] {
  return pairs.filter(([name]) => !framing.has(name.toLowerCase()))
}

const framing = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length'])
