/** What must not be written to a file, beside what is never written. */
export interface RedactOptions {
  /** More headers whose values are secret. */
  readonly headers?: readonly string[]
  /** More query parameters, form fields and JSON fields whose values are secret. */
  readonly fields?: readonly string[]
}

const secretHeaders = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'api-key',
  'x-auth-token',
  'x-access-token',
  'x-csrf-token',
  'x-amz-security-token'
]

const secretFields =
  /^(.*[_-])?(password|passwd|secret|token|api[_-]?key|apikey|signature|credentials?|private[_-]?key|client[_-]?secret|access[_-]?token|refresh[_-]?token|id[_-]?token|session[_-]?id|sig)$|(Password|Secret|Token|ApiKey|PrivateKey|Signature)$/i

const mark = '[redacted]'

/** Takes secrets out of requests and responses; the same on the way in and on the way out. */
export class Redaction {
  private readonly headers: ReadonlySet<string>
  private readonly fields: ReadonlySet<string>

  constructor({ headers = [], fields = [] }: RedactOptions = {}) {
    this.headers = new Set([...secretHeaders, ...headers.map((name) => name.toLowerCase())])
    this.fields = new Set(fields)
  }

  header(name: string, value: string): string {
    return this.headers.has(name.toLowerCase()) ? mark : value
  }

  /** An address with its query, and without user and password. */
  url(text: string): string {
    const url = new URL(text)
    url.username = ''
    url.password = ''
    const mark = text.indexOf('?')
    if (mark === -1) return url.href
    url.search = ''
    return `${url.href}?${this.form(text.slice(mark + 1))}`
  }

  /** A URL-encoded form or query; left as it is where nothing is secret. */
  form(text: string): string {
    const fields = new URLSearchParams(text)
    const secret = [...fields.keys()].filter((name) => this.isSecret(name))
    if (secret.length === 0) return text
    for (const name of secret) fields.set(name, mark)
    return fields.toString()
  }

  /** A JSON value, in depth. */
  json(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((one) => this.json(one))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [
        name,
        this.isSecret(name) && inner !== null ? mark : this.json(inner)
      ])
    )
  }

  private isSecret(name: string): boolean {
    return this.fields.has(name) || secretFields.test(name)
  }
}
