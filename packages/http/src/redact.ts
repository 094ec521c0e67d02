export const MASK = '***'

const secretHeaders: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'cookie2',
  'set-cookie',
  'x-api-key',
  'api-key',
  'apikey',
  'x-auth-token',
  'x-access-token',
  'x-csrf-token',
  'x-xsrf-token',
  'x-amz-security-token',
  'x-goog-api-key',
  'x-goog-iap-jwt-assertion',
  'x-shopify-access-token',
  'x-vault-token',
  'x-functions-key',
  'ocp-apim-subscription-key',
  'private-token',
  'www-authenticate',
  'proxy-authenticate'
])

/** What a secret's name ends with. Not every key is one: `idempotency-key`, `cache-key`. */
const secretWords = [
  String.raw`\w{0,20}api[-_]?keys?`,
  '(?:access|account|admin|app|application|auth|client|function|license|master)s?[-_]?keys?',
  '(?:private|secret|service|signing|storage|stripe|subscription|user)s?[-_]?keys?',
  String.raw`\w{0,20}tokens?`,
  '(?:secret|password|passwd|passphrase|pass|pwd|otp|credential|signature(?:[-_]?256)?)s?',
  '(?:assertion|sign)s?',
  '(?:auth|authentication|authorization|bearer|jwt|session(?:[-_]?id)?|sid|cookie)s?'
]
const secretHeaderPattern = new RegExp(`(?:^|[-_])(?:${secretWords.join('|')})$`, 'u')

const secretQueryPattern =
  /(?:^|[-_.[])(?:api[-_]?key|key|token|secret|password|passwd|passphrase|pwd|pass|auth|authorization|credentials?|signature|sig|hmac|jwt|code|session(?:[-_]?id)?|sid|otp|assertion)\]?$/u

/** True for a header whose value nobody but the server shall see. */
export function isSecretHeader(name: string): boolean {
  const lower = name.toLowerCase()
  return secretHeaders.has(lower) || secretHeaderPattern.test(lower)
}

/** True for a query parameter whose value nobody but the server shall see. */
export function isSecretParameter(name: string): boolean {
  // camelCase names (`accessToken`) are read as words, like `access_token`.
  return secretQueryPattern.test(name.replaceAll(/([a-z])([A-Z])/gu, '$1_$2').toLowerCase())
}

/**
 * A URL, or a path, that can be shown: without user and password, without a fragment, and with the
 * values of secret query parameters masked.
 */
export function redactUrl(url: string): string {
  const bare = withoutUserInfo(url.split('#', 1)[0] as string)
  const start = bare.indexOf('?')
  if (start === -1) return bare
  const query = bare
    .slice(start + 1)
    .split('&')
    .map(redactPair)
  return `${bare.slice(0, start)}?${query.join('&')}`
}

function withoutUserInfo(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:)?\/\/[^/?#]*@/iu, '$1//')
}

function redactPair(pair: string): string {
  const end = pair.indexOf('=')
  if (end === -1) return pair
  const name = pair.slice(0, end)
  return isSecretParameter(decodeLoosely(name)) ? `${name}=${MASK}` : pair
}

function decodeLoosely(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
