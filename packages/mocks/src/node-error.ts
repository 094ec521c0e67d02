import { constants } from 'node:os'

/** How a connection can fail before a byte of HTTP was exchanged. */
export type ConnectionFailure =
  | { readonly type: 'refused' }
  | { readonly type: 'dns' }
  | { readonly type: 'connect-timeout' }
  | { readonly type: 'tls'; readonly code: TlsFailureCode }

export type TlsFailureCode = keyof typeof tlsMessages

const tlsMessages = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self-signed certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'self-signed certificate in certificate chain',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unable to verify the first certificate',
  CERT_HAS_EXPIRED: 'certificate has expired'
} as const

export const tlsFailureCodes: readonly string[] = Object.keys(tlsMessages)

/** As libuv numbers it; getaddrinfo's errors are outside of `os.constants`. */
const ENOTFOUND = -3008

/** Where a connection was to go. */
export interface Place {
  readonly host: string
  readonly port: number
}

/** The host and the port of an origin, the protocol's own where it names none. */
export function placeOf(origin: string): Place {
  const { hostname: host, port, protocol } = new URL(origin)
  return { host, port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port) }
}

/** The error that Node.js itself gives for a connection that did not come about. */
export function connectionError(
  failure: Exclude<ConnectionFailure, { type: 'connect-timeout' }>,
  { host, port }: Place
): Error {
  switch (failure.type) {
    case 'refused': {
      const address = addressOf(host)
      return systemError(`connect ECONNREFUSED ${address}:${port}`, {
        errno: -constants.errno.ECONNREFUSED,
        code: 'ECONNREFUSED',
        syscall: 'connect',
        address,
        port
      })
    }
    case 'dns':
      return systemError(`getaddrinfo ENOTFOUND ${host}`, {
        errno: ENOTFOUND,
        code: 'ENOTFOUND',
        syscall: 'getaddrinfo',
        hostname: host
      })
    case 'tls':
      return systemError(tlsMessage(failure.code), { code: failure.code })
  }
}

/** Node.js 24 adds advice for issuers that it does not know. */
function tlsMessage(code: TlsFailureCode): string {
  const advice = '; if the root CA is installed locally, try running Node.js with --use-system-ca'
  const isAdvised = Number.parseInt(process.versions.node, 10) >= 24 && code !== 'CERT_HAS_EXPIRED'
  return tlsMessages[code] + (isAdvised ? advice : '')
}

/** What a client sees when the other side sent RST. */
export function resetError(): Error {
  return systemError('read ECONNRESET', {
    errno: -constants.errno.ECONNRESET,
    code: 'ECONNRESET',
    syscall: 'read'
  })
}

function systemError(message: string, fields: object): Error {
  return Object.assign(new Error(message), fields)
}

/** A name would have been resolved first; a mock resolves every name to the loopback. */
function addressOf(host: string): string {
  return /^[\d.]+$|:/.test(host) ? host.replaceAll(/[[\]]/g, '') : '127.0.0.1'
}
