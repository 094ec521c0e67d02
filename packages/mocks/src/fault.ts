import { gzipSync } from 'node:zlib'
import { invalidOptions } from '@aplomb/kernel'
import { headerListOf } from './header-list.ts'
import { tlsFailureCodes, type TlsFailureCode } from './node-error.ts'
import { emptyPlan, type Plan } from './plan.ts'
import { rateLimitHeaders, type RateLimitReply, type RetryAfter } from './rate-limit-headers.ts'
import { planOfSpec, specProblems, type ReplySpec } from './reply-spec.ts'

const brand: unique symbol = Symbol('fault')

/** Something that goes wrong, as a value: put it wherever a reply can stand. */
export interface Fault {
  readonly [brand]: true
  /** What goes wrong, in a word; it is what `call.fault` and the statistics say. */
  readonly kind: string
  /** What the transports carry out. */
  readonly plan: Plan
}

/** The reply that a fault spoils, and where. */
export interface SpoiledReply extends ReplySpec {
  /** How much of the body arrives before. Default: half of it. */
  readonly afterBytes?: number
}

export interface StallOptions {
  /** How long it lasts, in milliseconds, before the reply goes on. Default: for ever. */
  readonly forMs?: number
  /** What comes after. Default: an empty 200. */
  readonly reply?: ReplySpec
}

export interface DripOptions extends ReplySpec {
  /** How many bytes at a time. Default: 1. */
  readonly chunkBytes?: number
  /** How long between them, in milliseconds. Default: 100. */
  readonly everyMs?: number
}

export interface UnavailableOptions extends ReplySpec {
  /** Default: no header. */
  readonly retryAfter?: RetryAfter
}

export function isFault(value: unknown): value is Fault {
  return typeof value === 'object' && value !== null && brand in value
}

/**
 * Every way in which the other side fails. Each gives the client the same class, code and cause on
 * the dispatcher, on sockets and from the real server.
 */
export const fault: {
  /** Nobody listens: `ECONNREFUSED`. */
  refused(): Fault
  /** The name does not exist: `ENOTFOUND`. */
  dns(): Fault
  /** The connection never comes about, so the client's own connect timeout ends the wait. */
  connectTimeout(): Fault
  /** The certificate is not accepted. Default: `DEPTH_ZERO_SELF_SIGNED_CERT`. */
  tls(code?: TlsFailureCode): Fault
  /** RST after the request was read: `ECONNRESET`. */
  reset(): Fault
  /** FIN instead of a response: `UND_ERR_SOCKET`, "socket hang up". */
  close(): Fault
  /** RST in the middle of the body. */
  resetBody(reply?: SpoiledReply): Fault
  /** FIN in the middle of the body. */
  cut(reply?: SpoiledReply): Fault
  /** No status line, for ever or for a while. */
  stall(options?: StallOptions): Fault
  /** No status line ever, so the client's headers timeout ends the wait. */
  headersTimeout(): Fault
  /** The body stops in the middle, so the client's body timeout ends the wait. */
  bodyTimeout(reply?: SpoiledReply): Fault
  /** The body arrives a few bytes at a time. */
  slowDrip(options?: DripOptions): Fault
  /** `Content-Length` promises more than comes before the connection is closed. */
  wrongContentLength(reply?: ReplySpec & { readonly declared?: number }): Fault
  /** A body that says it is gzip and is not, or is cut short. */
  badGzip(options?: { readonly truncated?: boolean }): Fault
  /** A redirect to itself. `to` is the address; default: the request's own. */
  endlessRedirect(options?: {
    readonly status?: 301 | 302 | 303 | 307 | 308
    readonly to?: string
  }): Fault
  /** 429 with any kind of `Retry-After` and `RateLimit` header. */
  rateLimited(options?: RateLimitReply & ReplySpec): Fault
  /** 503, or the status you give, with `Retry-After`. */
  unavailable(options?: UnavailableOptions): Fault
} = {
  refused: () => make('refused', { connection: { type: 'refused' } }),
  dns: () => make('dns', { connection: { type: 'dns' } }),
  connectTimeout: () => make('connect-timeout', { connection: { type: 'connect-timeout' } }),
  tls,
  reset: () => make('reset', { ending: 'reset', endsAt: 'start' }),
  close: () => make('close', { ending: 'close', endsAt: 'start' }),
  resetBody: (reply) => spoiled('reset-body', 'reset', reply),
  cut: (reply) => spoiled('cut', 'close', reply),
  stall: (options) => stall(options),
  headersTimeout: () => make('headers-timeout', { ending: 'stall', endsAt: 'start' }),
  bodyTimeout: (reply) => spoiled('body-timeout', 'stall', reply),
  slowDrip,
  wrongContentLength,
  badGzip,
  endlessRedirect: ({ status = 302, to = '' } = {}) =>
    make('endless-redirect', { status, headers: ['location', to] }),
  rateLimited: ({ retryAfter, rateLimit, limit, windowMs, remaining, resetMs, ...reply } = {}) =>
    limited(
      'rate-limited',
      { status: 429, ...reply },
      { retryAfter, rateLimit, limit, windowMs, remaining, resetMs }
    ),
  unavailable: ({ retryAfter, ...reply } = {}) =>
    limited('unavailable', { status: 503, ...reply }, { retryAfter })
}

/** The label is the fault's own, whatever the reply it is made of was called. */
function make(kind: string, changes: Partial<Plan>): Fault {
  return Object.freeze({
    [brand]: true as const,
    kind,
    plan: emptyPlan(kind, { ...changes, label: kind })
  })
}

/** Mistakes are told where the fault is made, not where it strikes. */
function check(kind: string, reply: object, ...conditions: readonly [boolean, string][]): void {
  const issues = conditions.flatMap(([isRight, issue]) => (isRight ? [] : [issue]))
  issues.push(...specProblems(reply, 'reply'))
  if (issues.length > 0) throw invalidOptions(`fault ${kind}`, issues)
}

function tls(code: TlsFailureCode = 'DEPTH_ZERO_SELF_SIGNED_CERT'): Fault {
  const list = tlsFailureCodes.join(', ')
  check('tls', {}, [tlsFailureCodes.includes(code), `code: must be one of ${list}`])
  return make('tls', { connection: { type: 'tls', code } })
}

function slowDrip({ chunkBytes = 1, everyMs = 100, ...reply }: DripOptions = {}): Fault {
  const isSize = Number.isInteger(chunkBytes) && chunkBytes > 0
  check(
    'slow-drip',
    reply,
    [isSize, 'chunkBytes: must be a whole number, 1 or more'],
    [everyMs >= 0, 'everyMs: must be a number, 0 or more']
  )
  return make('slow-drip', { ...planOfSpec(withBody(reply)), drip: { bytes: chunkBytes, everyMs } })
}

function limited(kind: string, reply: ReplySpec, told: RateLimitReply): Fault {
  check(kind, reply)
  return make(kind, {
    ...planOfSpec(reply),
    datedHeaders: (wallMs) => rateLimitHeaders(told, wallMs)
  })
}

function stall({ forMs = Number.POSITIVE_INFINITY, reply = {} }: StallOptions = {}): Fault {
  check('stall', reply, [forMs >= 0, 'forMs: must be a number, 0 or more'])
  if (forMs === Number.POSITIVE_INFINITY) return make('stall', { ending: 'stall', endsAt: 'start' })
  return make('stall', { ...planOfSpec(reply), delayMs: forMs })
}

function spoiled(
  kind: string,
  ending: Plan['ending'],
  { afterBytes, ...reply }: SpoiledReply = {}
): Fault {
  const isPlace = afterBytes === undefined || afterBytes >= 0
  check(kind, reply, [isPlace, 'afterBytes: must be a number, 0 or more'])
  const plan = planOfSpec(withBody(reply))
  const whole = plan.body instanceof Uint8Array ? plan.body.length : 2
  return make(kind, { ...plan, ending, endsAt: afterBytes ?? Math.floor(whole / 2) })
}

function wrongContentLength({
  declared,
  ...reply
}: ReplySpec & { readonly declared?: number } = {}): Fault {
  const plan = planOfSpec(withBody(reply))
  const length = plan.body instanceof Uint8Array ? plan.body.length : 0
  const headers = [...plan.headers, 'content-length', String(declared ?? length + 10)]
  return make('wrong-content-length', { ...plan, headers, rawFraming: true, ending: 'close' })
}

function badGzip({ truncated = false }: { readonly truncated?: boolean } = {}): Fault {
  const whole = gzipSync(Buffer.from('{"ok":true}'.repeat(100)))
  const bytes = truncated ? whole.subarray(0, whole.length - 12) : Buffer.from('this is not gzip')
  const headers = headerListOf({ 'content-type': 'application/json', 'content-encoding': 'gzip' })
  return make('bad-gzip', { headers, body: bytes })
}

function withBody(reply: ReplySpec): ReplySpec {
  const given = reply.json ?? reply.text ?? reply.bytes ?? reply.stream
  return given === undefined ? { ...reply, json: { ok: true, filler: 'x'.repeat(64) } } : reply
}
