import { headerRecordOf, headerValue, type HeaderList, type HeaderRecord } from './header-list.ts'

const empty = new Uint8Array(0)
const decoder = new TextDecoder()

/** A request as it came, on whichever transport; everything derived is made when it is read. */
export class MockRequest {
  readonly method: string
  /** `https://api.example.com`, without a path. */
  readonly origin: string
  /** Path and query, as sent. */
  readonly target: string
  /** Name, value, name, value … in the order sent. */
  readonly rawHeaders: HeaderList
  readonly body: Uint8Array
  /** What the route's pattern captured. */
  params: Readonly<Record<string, string>> = {}
  private headerRecord: HeaderRecord | undefined = undefined
  private parsedQuery: URLSearchParams | undefined = undefined

  constructor(
    method: string,
    origin: string,
    target: string,
    rawHeaders: HeaderList = [],
    body: Uint8Array = empty
  ) {
    this.method = method
    this.origin = origin
    this.target = target
    this.rawHeaders = rawHeaders
    this.body = body
  }

  get url(): string {
    return this.origin + this.target
  }

  /** Without the query. */
  get path(): string {
    const mark = this.target.indexOf('?')
    return mark === -1 ? this.target : this.target.slice(0, mark)
  }

  get query(): URLSearchParams {
    if (this.parsedQuery === undefined) {
      const mark = this.target.indexOf('?')
      this.parsedQuery = new URLSearchParams(mark === -1 ? '' : this.target.slice(mark))
    }
    return this.parsedQuery
  }

  /** Names in lower case. */
  get headers(): HeaderRecord {
    this.headerRecord ??= headerRecordOf(this.rawHeaders)
    return this.headerRecord
  }

  header(name: string): string | undefined {
    return headerValue(this.rawHeaders, name.toLowerCase())
  }

  get cookies(): Readonly<Record<string, string>> {
    const cookies: Record<string, string> = Object.create(null) as Record<string, string>
    for (const pair of (this.header('cookie') ?? '').split(';')) {
      const mark = pair.indexOf('=')
      if (mark > 0) cookies[pair.slice(0, mark).trim()] = pair.slice(mark + 1).trim()
    }
    return cookies
  }

  text(): string {
    return decoder.decode(this.body)
  }

  /** @throws SyntaxError when the body is not JSON. */
  json(): unknown {
    return JSON.parse(this.text())
  }

  /** The fields of a form, URL-encoded or multipart; files are `File`s. */
  async formData(): Promise<FormData> {
    const headers = { 'content-type': this.header('content-type') ?? '' }
    return await new Response(this.body as Uint8Array<ArrayBuffer>, { headers }).formData()
  }

  /** The fields of a URL-encoded form. */
  form(): URLSearchParams {
    return new URLSearchParams(this.text())
  }
}
