import { subscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

/** undici's connections from before anything was mocked; it would use them again. */
const earlier = new Map<Socket, true>()

let watching = true

// From the first import on: what is open when mocks are made cannot be asked for later.
subscribe('undici:client:connected', (message) => {
  if (!watching) return
  const { socket } = message as { socket?: Socket }
  if (socket === undefined) return
  earlier.set(socket, true)
  socket.once('close', () => earlier.delete(socket))
})

/** Closes those that are idle, so that their clients connect anew, and stops watching. */
export function closeEarlierConnections(): void {
  watching = false
  for (const socket of earlier.keys()) if (isIdle(socket)) socket.destroy()
}

/** Connections are real again from now on. */
export function watchConnections(): void {
  watching = true
}

/** undici lets the process end while a connection has nothing to do. */
function isIdle(socket: Socket): boolean {
  const { _handle } = socket as { _handle?: { hasRef?(): boolean } | null }
  return _handle?.hasRef?.() === false
}
