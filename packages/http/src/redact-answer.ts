import { isSecretHeader, isSecretParameter, MASK } from './redact.ts'

/** What was sent; of it nothing secret shall show, though the server repeats it. */
export interface Sent {
  /** Names and values in turn. */
  readonly headers: readonly string[]
  /** Path and query. */
  readonly path: string
}

type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>

/** Headers that can be shown: plain data, secret values masked, and what the server repeats. */
export function redactHeaders(
  headers: AnswerHeaders,
  sent?: Sent
): Record<string, string | string[]> {
  const shown: Record<string, string | string[]> = Object.create(null) as never
  const secrets = sent === undefined ? [] : secretsOf(sent)
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue
    if (isSecretHeader(name)) shown[name] = MASK
    else if (typeof value === 'string') shown[name] = masked(value, secrets)
    else shown[name] = value.map((item) => masked(item, secrets))
  }
  return shown
}

/** Text from the server that can be shown: of what we sent, and of URLs in it, secrets are masked. */
export function redactText(text: string, sent: Sent): string {
  return masked(text, secretsOf(sent))
}

function masked(text: string, secrets: readonly string[]): string {
  let shown = text
  for (const secret of secrets) shown = shown.replaceAll(secret, MASK)
  return shown.replaceAll(parameters, (pair, start: string, name: string) =>
    isSecretParameter(name) ? `${start}${name}=${MASK}` : pair
  )
}

/** The pairs of queries within a text. */
const parameters = /([?&])([\w.~%[\]-]{1,64})=([^&\s"'<>#\\]+)/gu

/** Too short a secret would mask half of any text. */
const LEAST_LENGTH = 6

function secretsOf({ headers, path }: Sent): readonly string[] {
  const secrets = new Set<string>()
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] as string
    if (isSecretHeader(name))
      for (const part of partsOf(headers[index + 1] as string)) secrets.add(part)
  }
  const start = path.indexOf('?')
  if (start !== -1) {
    for (const [name, value] of new URLSearchParams(path.slice(start))) {
      if (isSecretParameter(name)) secrets.add(value).add(encodeURIComponent(value))
    }
  }
  // The longest first: a shorter one may be part of it.
  return [...secrets]
    .filter((secret) => secret.length >= LEAST_LENGTH)
    .toSorted((a, b) => b.length - a.length)
}

/** The whole value, its credential without the scheme (`Bearer …`), and each cookie's value. */
function partsOf(value: string): readonly string[] {
  const cookies = value.split(/;\s*/u).map((cookie) => cookie.slice(cookie.indexOf('=') + 1))
  return [value, value.slice(value.indexOf(' ') + 1), ...cookies]
}
