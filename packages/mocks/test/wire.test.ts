import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { resetSocket } from '../src/wire.ts'

test('a socket that is shutting down is closed as well, where Node.js cannot reset it', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [socket] = (await once(server, 'connection')) as [Socket]
  const closed = once(socket, 'close')
  socket.end('bye')
  resetSocket(socket)
  await closed
  expect(socket.destroyed).toBe(true)
  client.destroy()
  server.close()
})
