import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { invalidOptions } from '@aplomb/kernel'
import type { MockRequest } from './mock-request.ts'
import type { RealResponse } from './real-request.ts'
import type { Redaction } from './redact.ts'

/** A body as it can be read and edited in a file: the first form that holds it. */
export type RecordedBody =
  | { readonly json: unknown }
  | { readonly text: string }
  | { readonly base64: string }

export interface RecordedExchange {
  readonly request: {
    readonly method: string
    readonly url: string
    readonly headers: Readonly<Record<string, string>>
    readonly body?: RecordedBody
  }
  readonly response: {
    readonly status: number
    readonly statusText: string
    readonly headers: readonly (readonly [string, string])[]
    readonly body?: RecordedBody
  }
}

/** Headers of one hop, or that change with the body's form. */
const unrecorded = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'proxy-connection'
])

export function exchangeOf(
  request: MockRequest,
  response: RealResponse,
  redaction: Redaction
): RecordedExchange {
  const headers: Record<string, string> = {}
  for (const [name, value] of recordable(request.rawHeaders, redaction)) {
    headers[name.toLowerCase()] = value
  }
  const type = headerOf(response.rawHeaders, 'content-type')
  const body = bodyOf(response.body, type, redaction)
  const requestBody = requestBodyOf(request, redaction)
  const { status, statusText } = response
  return {
    request: {
      method: request.method,
      url: redaction.url(request.url),
      headers,
      ...(requestBody === undefined ? {} : { body: requestBody })
    },
    response: {
      status,
      statusText,
      headers: recordable(response.rawHeaders, redaction),
      ...(body === undefined ? {} : { body })
    }
  }
}

/** What a request is told from others by, secrets apart. */
export function keyOf(method: string, url: string, body: RecordedBody | undefined): string {
  return JSON.stringify([method, url, body ?? null])
}

export function requestBodyOf(
  request: MockRequest,
  redaction: Redaction
): RecordedBody | undefined {
  return bodyOf(request.body, request.header('content-type'), redaction)
}

/** @throws OptionsError for a file that is not a recording. */
export function readCassette(file: string): readonly RecordedExchange[] {
  try {
    const { version, exchanges } = JSON.parse(readFileSync(file, 'utf8')) as {
      version?: unknown
      exchanges?: unknown
    }
    if (version === 1 && Array.isArray(exchanges)) return exchanges as RecordedExchange[]
  } catch (error) {
    throw invalidOptions('replay', [`${file} cannot be read: ${(error as Error).message}`])
  }
  throw invalidOptions('replay', [`${file} is not a recording of version 1`])
}

/** Whole or not at all: a reader never sees half a file. */
export function writeCassette(file: string, exchanges: readonly RecordedExchange[]): void {
  mkdirSync(dirname(file), { recursive: true })
  const part = `${file}.${process.pid}.part`
  writeFileSync(part, `${JSON.stringify({ version: 1, exchanges }, undefined, 2)}\n`)
  renameSync(part, file)
}

function recordable(rawHeaders: readonly string[], redaction: Redaction): [string, string][] {
  const pairs: [string, string][] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!
    if (unrecorded.has(name.toLowerCase())) continue
    pairs.push([name, redaction.header(name, rawHeaders[at + 1]!)])
  }
  return pairs
}

function headerOf(rawHeaders: readonly string[], name: string): string | undefined {
  const at = rawHeaders.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === name)
  return at === -1 ? undefined : rawHeaders[at + 1]
}

function bodyOf(
  bytes: Uint8Array,
  type: string | undefined,
  redaction: Redaction
): RecordedBody | undefined {
  if (bytes.length === 0) return undefined
  const text = Buffer.from(bytes).toString('utf8')
  if (!Buffer.from(text).equals(bytes)) return { base64: Buffer.from(bytes).toString('base64') }
  const json = parsed(text)
  if (json !== undefined) return { json: redaction.json(json.value) }
  return { text: type?.includes('urlencoded') === true ? redaction.form(text) : text }
}

function parsed(text: string): { value: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { value } : undefined
  } catch {
    return undefined
  }
}
