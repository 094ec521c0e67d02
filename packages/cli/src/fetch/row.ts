import type { Item } from './item.ts'

/** What is stored for one item: the answer, or why there is none. */
export interface Row {
  readonly index: number
  readonly id: string | undefined
  readonly method: string
  readonly url: string
  readonly ok: boolean
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, string | readonly string[]>> | undefined
  /** Text, or base64 where the answer is not text. */
  readonly body: string | undefined
  readonly bodyEncoding: 'utf8' | 'base64'
  readonly attempts: number
  readonly durationMs: number
  /** In a few words, for a failed item only. */
  readonly reason: string | undefined
  readonly error: string | undefined
}

export type Answer = Pick<Row, 'ok' | 'status' | 'headers' | 'body' | 'bodyEncoding'>

/** A line of NDJSON. A JSON body stands in it as JSON, any other as text. */
export function rowLine(row: Row): string {
  const { headers, body, bodyEncoding, ...rest } = row
  const isJson = bodyEncoding === 'utf8' && isJsonType(headers?.['content-type'])
  const value = isJson ? parsedOr(body) : body
  const encoding = bodyEncoding === 'base64' ? { bodyEncoding } : {}
  return `${JSON.stringify({ ...rest, headers, body: value, ...encoding })}\n`
}

export function rowOf(item: Item, answer: Answer, attempts: number, durationMs: number): Row {
  const { index, id, method, url } = item
  const reason = answer.ok ? undefined : `HTTP ${answer.status}`
  return {
    index,
    id,
    method,
    url,
    ...answer,
    attempts,
    durationMs: Math.round(durationMs * 100) / 100,
    reason,
    error: undefined
  }
}

/** Bytes as text where they are UTF-8 without a NUL, which a database cannot store as text. */
export function textOrBase64(bytes: Uint8Array): Pick<Row, 'body' | 'bodyEncoding'> {
  try {
    const body = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    if (!body.includes('\0')) return { body, bodyEncoding: 'utf8' }
  } catch {
    // Not UTF-8.
  }
  return { body: Buffer.from(bytes).toString('base64'), bodyEncoding: 'base64' }
}

function isJsonType(type: string | readonly string[] | undefined): boolean {
  return typeof type === 'string' && /^application\/(?:[\w.+-]+\+)?json\b/i.test(type)
}

function parsedOr(body: string | undefined): unknown {
  if (body === undefined || body === '') return body
  try {
    return JSON.parse(body)
  } catch {
    return body
  }
}
