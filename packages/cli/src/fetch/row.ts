import type { Item } from './item.ts'

/** What is stored for one item: the answer, or why there is none. */
export interface Row {
  readonly index: number
  readonly id: string | undefined
  readonly method: string
  readonly url: string
  readonly ok: boolean
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>> | undefined
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
  const { index, id, method, url, ok, status, attempts, durationMs, reason, error } = row
  const { headers, body, bodyEncoding } = row
  const facts = { index, id, method, url, ok, status, attempts, durationMs, reason, error }
  const encoding = bodyEncoding === 'base64' ? ',"bodyEncoding":"base64"' : ''
  const parts = [`${JSON.stringify(facts).slice(0, -1)}${encoding}`]
  if (headers !== undefined) parts.push(`"headers":${JSON.stringify(headers)}`)
  if (body !== undefined) parts.push(`"body":${bodyJson(row, body)}`)
  return `${parts.join(',')}}\n`
}

function bodyJson({ headers, bodyEncoding }: Row, body: string): string {
  if (bodyEncoding === 'utf8' && isJsonType(headers?.['content-type'])) {
    try {
      return JSON.stringify(JSON.parse(body))
    } catch {
      // It only claims to be JSON.
    }
  }
  return JSON.stringify(body)
}

export function rowOf(item: Item, answer: Answer, attempts: number, durationMs: number): Row {
  const { index, id, method, url } = item
  const { ok, status, headers, body, bodyEncoding } = answer
  const reason = ok ? undefined : `HTTP ${status}`
  return {
    index,
    id,
    method,
    url,
    ok,
    status,
    headers,
    body,
    bodyEncoding,
    attempts,
    durationMs: Math.round(durationMs * 100) / 100,
    reason,
    error: undefined
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Bytes as text where they are UTF-8 without a NUL, which a database cannot store as text. */
export function textOrBase64(bytes: Uint8Array): Pick<Row, 'body' | 'bodyEncoding'> {
  try {
    const body = utf8.decode(bytes)
    if (!body.includes('\0')) return { body, bodyEncoding: 'utf8' }
  } catch {
    // Not UTF-8.
  }
  return { body: Buffer.from(bytes).toString('base64'), bodyEncoding: 'base64' }
}

function isJsonType(type: string | readonly string[] | undefined): boolean {
  return typeof type === 'string' && /^application\/(?:[\w.+-]+\+)?json\b/i.test(type)
}
