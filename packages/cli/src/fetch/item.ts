/** One request to make: a line of the input. */
export interface Item {
  /** Its place in the input, from 0; together with the fingerprint it names the item for good. */
  readonly index: number
  readonly id: string | undefined
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>> | undefined
  readonly body: string | undefined
}

const KNOWN = new Set(['url', 'method', 'headers', 'body', 'id'])
const METHOD = /^[A-Za-z]+$/

/** Reads a line of input: a URL, or JSON. What is wrong with it is thrown as a plain message. */
export function parseItem(line: string, index: number): Item {
  if (!line.startsWith('{')) return urlItem(line, index)
  let value: Record<string, unknown>
  try {
    value = JSON.parse(line) as Record<string, unknown>
  } catch (error) {
    throw new SyntaxError(`not a line of JSON (${(error as Error).message})`, { cause: error })
  }
  return jsonItem(value, index)
}

export function urlItem(url: string, index: number): Item {
  return {
    index,
    id: undefined,
    method: 'GET',
    url: checkedUrl(url),
    headers: undefined,
    body: undefined
  }
}

function jsonItem(value: Record<string, unknown>, index: number): Item {
  for (const key of Object.keys(value)) {
    if (!KNOWN.has(key)) throw new TypeError(`unknown key "${key}" (${[...KNOWN].join(', ')})`)
  }
  const { url, method = 'GET', headers, body, id } = value
  if (typeof url !== 'string') throw new TypeError('"url" must be a string')
  if (typeof method !== 'string' || !METHOD.test(method)) {
    throw new TypeError(`"method" must be a word, not ${JSON.stringify(method)}`)
  }
  const isText = body === undefined || typeof body === 'string'
  const given = checkedHeaders(headers)
  return {
    index,
    id: id === undefined || id === null ? undefined : asText(id),
    method: method.toUpperCase(),
    url: checkedUrl(url),
    headers: isText ? given : { 'content-type': 'application/json', ...given },
    body: isText ? body : JSON.stringify(body)
  }
}

function asText(id: unknown): string {
  return typeof id === 'string' ? id : JSON.stringify(id)
}

function checkedUrl(url: string): string {
  if (!URL.canParse(url)) throw new TypeError(`not a URL: ${url.slice(0, 200)}`)
  const { protocol } = new URL(url)
  if (protocol === 'http:' || protocol === 'https:') return url
  throw new TypeError(`neither http nor https: ${url.slice(0, 200)}`)
}

function checkedHeaders(headers: unknown): Record<string, string> | undefined {
  if (headers === undefined || headers === null) return undefined
  const entries =
    typeof headers === 'object' && !Array.isArray(headers) ? Object.entries(headers) : []
  if (entries.length === 0 || entries.some(([, value]) => typeof value !== 'string')) {
    throw new TypeError('"headers" must be an object of strings')
  }
  return { ...(headers as Record<string, string>) }
}

/** 32 bits that tell items apart when a run is resumed (FNV-1a, Fowler, Noll and Vo); never 0. */
export function fingerprint(method: string, url: string, id: string | undefined): number {
  let hash = 0x81_1c_9d_c5
  const text = `${method} ${url} ${id ?? ''}`
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01_00_01_93)
  }
  return hash >>> 0 || 1
}
