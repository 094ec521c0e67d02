import { constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { endOfTurn } from '@aplomb/kernel'

const { NGHTTP2_CANCEL } = constants

/**
 * Mends how streams end early on the session of HTTP/2 that the engine has made of a socket:
 *
 * - The engine gives a stream up by `close()` without a code and `destroy()` in the same turn. Where
 *   its body is not written yet, Node.js (22.19, 24.21) puts the reset off, forgets it, and writes
 *   empty frames until the memory is full. With a code, and a turn between, it resets at once.
 * - Node.js takes a reset with CANCEL for the regular end of a body.
 */
export function mendStreams(socket: Socket): void {
  const session = sessionOf(socket)
  if (session === undefined) return
  const request = session.request.bind(session)
  session.request = (...given) => mended(request(...given))
}

/** The engine keeps it on the socket, under a symbol of its own. */
function sessionOf(socket: Socket): ClientHttp2Session | undefined {
  const kept = socket as unknown as Record<symbol, unknown>
  const values = Object.getOwnPropertySymbols(socket).map((name) => kept[name])
  return values.find(isSession)
}

function isSession(value: unknown): value is ClientHttp2Session {
  const { request, type } = (value ?? {}) as Partial<ClientHttp2Session>
  return typeof request === 'function' && type === constants.NGHTTP2_SESSION_CLIENT
}

function mended(stream: ClientHttp2Stream): ClientHttp2Stream {
  const close = stream.close.bind(stream)
  const destroy = stream.destroy.bind(stream)
  let givenUp = false
  stream.close = (code, done) => {
    if (code !== undefined || stream.writableFinished) return close(code, done)
    givenUp = true
    close(NGHTTP2_CANCEL, done)
  }
  stream.destroy = (error) => {
    if (!stream.closed && !stream.writableFinished) stream.close()
    if (!givenUp) return destroy(error)
    void endOfTurn().then(() => destroy(error))
    return stream
  }
  stream.once('end', () => {
    if (stream.rstCode === NGHTTP2_CANCEL) stream.emit('error', cancelled())
  })
  return stream
}

/** As Node.js says it of all other resets. */
function cancelled(): Error {
  const error = new Error('Stream closed with error code NGHTTP2_CANCEL')
  return Object.assign(error, { code: 'ERR_HTTP2_STREAM_ERROR' })
}
