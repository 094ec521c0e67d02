import { entriesOf } from './entries.ts'
import { HttpRequestError } from './errors.ts'

/**
 * Headers as they are given: a plain object, WHATWG `Headers`, or pairs. In an object, undefined
 * takes the client's own header of that name away.
 */
export type HeadersInput =
  | Readonly<Record<string, HeaderValue>>
  | Iterable<readonly [string, string]>
type HeaderValue = string | number | readonly string[] | undefined

/** Names (lower case) and values in turn, as undici takes them. */
export type HeaderList = readonly string[]

/** Response headers as undici gives them. */
export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>

const token = /^[\w!#$%&'*+.^`|~-]+$/u
// Tab, visible ASCII and the obsolete upper half; never CR, LF or NUL.
const fieldValue = /^[\t\u0020-\u007E\u0080-\u00FF]*$/u
const digits = /^\d+$/u
/** Headers that frame the message are the engine's business. */
const framing = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'expect',
  'te'
])

/** What a method or a header may be called. */
export function isToken(text: string): boolean {
  return token.test(text)
}

/** Makes a list of checked headers. @throws HttpRequestError naming every bad header. */
export function headerList(input: HeadersInput | undefined): string[] {
  const list: string[] = []
  const issues: string[] = []
  if (input === undefined) return list
  for (const [name, value] of entriesOf<HeaderValue>(input)) {
    for (const item of Array.isArray(value) ? (value as readonly string[]) : [value]) {
      if (item === undefined) continue
      const problem = problemOf(name, item, list)
      if (problem === undefined) list.push(name.toLowerCase(), String(item))
      else issues.push(problem)
    }
  }
  if (issues.length > 0) throw new HttpRequestError(issues)
  return list
}

function problemOf(name: string, value: unknown, before: HeaderList): string | undefined {
  if (typeof name !== 'string' || !isToken(name)) {
    return `${JSON.stringify(name)} is not a header name`
  }
  // The value is not shown: it may be a secret.
  if (!isText(value)) return `the value of header "${name}" is not text`
  const lower = name.toLowerCase()
  const isLength = lower === 'content-length'
  const form = isLength ? digits : fieldValue
  if (!form.test(String(value))) return `the value of header "${name}" has forbidden characters`
  if (framing.has(lower)) return `header "${name}" is set by the client itself`
  const isSingle = isLength || lower === 'host'
  return isSingle && headerIn(before, lower) !== undefined
    ? `header "${name}" is there twice`
    : undefined
}

/** Null and objects have a text, too, but none that anybody means. */
function isText(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

/** `list` with the headers of `changes` in place of its own of the same names. */
export function mergeHeaders(list: HeaderList, changes: HeaderList): string[] {
  if (changes.length === 0) return [...list]
  const names = new Set<string>()
  for (let index = 0; index < changes.length; index += 2) names.add(changes[index] as string)
  return [...withoutHeaders(list, (name) => names.has(name)), ...changes]
}

/** `list` with what a caller changes: a name that is given as undefined is taken away. */
export function changeHeaders(list: HeaderList, changes: HeadersInput): string[] {
  const merged = mergeHeaders(list, headerList(changes))
  const dropped = new Set<string>()
  for (const [name, value] of entriesOf<HeaderValue>(changes)) {
    if (value === undefined) dropped.add(name.toLowerCase())
  }
  return dropped.size === 0 ? merged : withoutHeaders(merged, (name) => dropped.has(name))
}

/** `list` without the headers that `drop` tells. */
export function withoutHeaders(list: HeaderList, drop: (name: string) => boolean): string[] {
  const kept: string[] = []
  for (let index = 0; index < list.length; index += 2) {
    const name = list[index] as string
    if (!drop(name)) kept.push(name, list[index + 1] as string)
  }
  return kept
}

/** The value of a request header; the first if there are several. */
export function headerIn(list: HeaderList, name: string): string | undefined {
  for (let index = 0; index < list.length; index += 2) {
    if (list[index] === name) return list[index + 1]
  }
  return undefined
}

/** The value of a response header, several joined; an own one only. */
export function headerOf(headers: ResponseHeaders, name: string): string | undefined {
  if (!Object.hasOwn(headers, name)) return undefined
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}
