import { describe } from '@aplomb/kernel'
import { hasHeader, headerListOf, type HeadersInput } from './header-list.ts'
import type { Latency } from './latency.ts'
import { emptyPlan, type BodySource, type Plan } from './plan.ts'

type Chunk = Uint8Array | string

const encoder = new TextEncoder()

/** A response as you would say it; at most one of `json`, `text`, `bytes` and `stream`. */
export interface ReplySpec {
  /** Default: 200. */
  readonly status?: number | undefined
  /** Default: the usual text of the status. */
  readonly statusText?: string | undefined
  readonly headers?: HeadersInput | undefined
  /** Sent as JSON, with its content type. */
  readonly json?: unknown
  readonly text?: string | undefined
  readonly bytes?: Uint8Array | undefined
  /** Sent piece by piece, chunked. An iterable serves one reply, a function any number. */
  readonly stream?:
    | AsyncIterable<Chunk>
    | Iterable<Chunk>
    | (() => AsyncIterable<Chunk>)
    | undefined
  /** Time until the status line, in milliseconds or as a distribution. Default: 0. */
  readonly delayMs?: Latency | undefined
}

/** Makes a reply ready to be carried out; what is fixed is worked out only once. */
export function planOfSpec(spec: ReplySpec): Plan {
  const headers = headerListOf(spec.headers)
  const [body, type] = bodyOf(spec)
  if (type !== undefined && !hasHeader(headers, 'content-type')) headers.push('content-type', type)
  return emptyPlan('reply', {
    status: spec.status ?? 200,
    statusText: spec.statusText,
    headers,
    body,
    delayMs: spec.delayMs ?? 0
  })
}

function bodyOf(spec: ReplySpec): [BodySource | undefined, string | undefined] {
  if (spec.json !== undefined)
    return [encoder.encode(JSON.stringify(spec.json)), 'application/json']
  if (spec.text !== undefined) return [encoder.encode(spec.text), 'text/plain;charset=utf-8']
  if (spec.bytes !== undefined) return [spec.bytes, 'application/octet-stream']
  if (spec.stream !== undefined) return [streamOf(spec.stream), undefined]
  return [undefined, undefined]
}

function streamOf(stream: NonNullable<ReplySpec['stream']>): () => AsyncIterable<Chunk> {
  if (typeof stream === 'function') return stream
  return async function* pieces() {
    yield* stream
  }
}

const specKeys = ['status', 'statusText', 'headers', 'json', 'text', 'bytes', 'stream', 'delayMs']
const bodyKeys = ['json', 'text', 'bytes', 'stream']

/** What is wrong with a spec, each with its path. */
export function specProblems(value: object, path: string): string[] {
  const issues: string[] = []
  for (const key of Object.keys(value)) {
    if (!specKeys.includes(key))
      issues.push(`${path}.${key}: unknown; a reply has ${specKeys.join(', ')}`)
  }
  const bodies = bodyKeys.filter((key) => (value as Record<string, unknown>)[key] !== undefined)
  if (bodies.length > 1) issues.push(`${path}: has ${bodies.join(' and ')}; one body is enough`)
  const { status } = value as ReplySpec
  if (status !== undefined && !(Number.isInteger(status) && status >= 200 && status <= 999)) {
    issues.push(`${path}.status: must be a whole number, from 200 to 999, not ${describe(status)}`)
  }
  return issues
}
