import { isAplombError } from '@aplomb/kernel'
import {
  HttpClientClosedError,
  HttpNetworkError,
  HttpRequestError,
  HttpTooLargeError,
  type NetworkErrorClass,
  type RequestFacts
} from './errors.ts'

const classes: Readonly<Record<string, NetworkErrorClass>> = {
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  EAI_FAIL: 'dns',
  EAI_NODATA: 'dns',
  EAI_NONAME: 'dns',
  ECONNREFUSED: 'connect',
  ENETDOWN: 'connect',
  ENETUNREACH: 'connect',
  EHOSTDOWN: 'connect',
  EHOSTUNREACH: 'connect',
  EADDRNOTAVAIL: 'connect',
  EACCES: 'connect',
  ENOENT: 'connect',
  EMFILE: 'connect',
  ETIMEDOUT: 'connect',
  UND_ERR_CONNECT_TIMEOUT: 'connect',
  // A proxy that makes no tunnel, is gone, or wants credentials; see `isCallersMistake`.
  UND_ERR_ABORTED: 'connect',
  UND_ERR_PRX_CONN: 'connect',
  UND_ERR_INVALID_ARG: 'connect',
  UND_ERR_PRX_TLS: 'tls',
  EPROTO: 'tls',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ECONNABORTED: 'reset',
  UND_ERR_SOCKET: 'reset',
  // What the engine calls the end of a stream of HTTP/2, or of its connection.
  UND_ERR_INFO: 'reset',
  UND_ERR_HEADERS_TIMEOUT: 'idle',
  UND_ERR_BODY_TIMEOUT: 'idle'
}

/** The request was not what it said it was. */
const callersMistakes: ReadonlySet<string> = new Set([
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH'
])

const texts: Readonly<Record<NetworkErrorClass, string>> = {
  dns: 'the name cannot be resolved',
  connect: 'no connection',
  tls: 'the TLS handshake failed',
  reset: 'the connection was cut',
  idle: 'nothing came for too long',
  protocol: 'the answer is not complete HTTP',
  other: 'the request failed'
}

/**
 * Makes the error a caller sees of what the engine reports. `sent` says whether any of the request
 * may have left. Errors of ours and the caller's own abort reasons pass as they are.
 */
export function networkError(
  error: unknown,
  facts: RequestFacts,
  sent: boolean,
  maxHeaderBytes: number
): unknown {
  if (isAplombError(error)) return error
  const cause = rootCause(error)
  if (isAplombError(cause)) return cause
  const errno = codeOf(cause) ?? codeOf(error)
  if (errno === 'UND_ERR_CLOSED' || errno === 'UND_ERR_DESTROYED')
    return new HttpClientClosedError()
  if (errno === 'UND_ERR_ABORTED' && sent) {
    return new HttpRequestError(['body: the stream was destroyed before its end'])
  }
  if (errno !== undefined && isCallersMistake(errno, sent)) {
    return new HttpRequestError([(error as Error).message])
  }
  if (errno === 'UND_ERR_HEADERS_OVERFLOW' || errno === 'HPE_HEADER_OVERFLOW') {
    return new HttpTooLargeError('maxHeaderBytes', maxHeaderBytes, facts, { cause: error })
  }
  const { name } = (cause ?? {}) as { name?: unknown }
  const kind = name === 'HTTPParserError' ? 'protocol' : classOf(errno, sent)
  const detail = errno === undefined ? '' : ` (${errno})`
  return new HttpNetworkError(`${texts[kind]}${detail}`, {
    method: facts.method,
    url: facts.url,
    class: kind,
    sent,
    errno,
    cause: error
  })
}

/** An argument is found invalid before anything is sent; what comes later is a 407 of a proxy. */
function isCallersMistake(errno: string, sent: boolean): boolean {
  return callersMistakes.has(errno) && !(errno === 'UND_ERR_INVALID_ARG' && sent)
}

function classOf(errno: string | undefined, sent: boolean): NetworkErrorClass {
  if (errno === undefined) return 'other'
  // A connection that timed out in the middle was cut, not refused.
  if (errno === 'ETIMEDOUT' && sent) return 'reset'
  if (Object.hasOwn(classes, errno)) return classes[errno] as NetworkErrorClass
  if (errno.startsWith('HPE_') || errno.startsWith('UND_ERR_RES')) return 'protocol'
  if (errno.startsWith('ERR_HTTP2')) return sent ? 'reset' : 'connect'
  if (/^(?:ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_)/u.test(errno)) {
    return 'tls'
  }
  return 'other'
}

/** Happy eyeballs report an AggregateError: its first error tells why. */
function rootCause(error: unknown): unknown {
  const { errors, cause } = (error ?? {}) as { errors?: unknown; cause?: unknown }
  if (Array.isArray(errors) && errors.length > 0) return errors[0]
  if (codeOf(error) === undefined && cause !== undefined) return cause
  return error
}

function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : undefined
}
