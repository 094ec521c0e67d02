import type { Socket } from 'node:net'

/**
 * Lets a reset be a failure. The engine takes one for the regular end of a body that only the end
 * of the connection delimits, so that half a body would pass for a whole one; it knows a reset by
 * its code, which is another one until the engine has been told.
 */
export function tellResets(socket: Socket): void {
  socket.prependListener('error', (error: NodeJS.ErrnoException) => {
    const { code } = error
    if (code !== 'ECONNRESET') return
    error.code = 'UND_ERR_SOCKET'
    // The engine tells its requests when the socket has closed.
    socket.prependOnceListener('close', () => void (error.code = code))
  })
}
