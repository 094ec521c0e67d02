import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { startMockServer } from '@aplomb/mocks/server'

/** Something real to compare the mocks with. */
export interface Control extends AsyncDisposable {
  readonly origin: string
}

/** An address where nobody listens. */
export async function refusingOrigin(): Promise<Control> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => void server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => void server.close(resolve))
  return { origin: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: async () => undefined }
}

const blockedListener = `
const { createServer } = require('node:net')
const { parentPort, workerData } = require('node:worker_threads')
const server = createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  parentPort.postMessage(server.address().port)
  setImmediate(() => Atomics.wait(workerData, 0, 0))
})
parentPort.once('message', () => server.close())
`

/**
 * An address whose packets are dropped: a listener that never accepts, with a full backlog (Linux
 * then ignores further SYNs).
 */
export async function silentOrigin(): Promise<Control> {
  const gate = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(blockedListener, { eval: true, workerData: gate })
  const port = await new Promise<number>((resolve) => void worker.once('message', resolve))
  // The worker must be blocked before the fillers come, or it would take them.
  await new Promise((resolve) => void setTimeout(resolve, 50))
  const fillers: Socket[] = Array.from({ length: 4 }, () => connect(port, '127.0.0.1'))
  for (const filler of fillers) filler.on('error', () => undefined)
  await Promise.all(
    fillers.slice(0, 2).map((one) => new Promise((resolve) => void one.once('connect', resolve)))
  )
  return {
    origin: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const filler of fillers) filler.destroy()
      Atomics.store(gate, 0, 1)
      Atomics.notify(gate, 0)
      await worker.terminate()
    }
  }
}

/** An HTTPS server whose certificate nobody trusts. */
export async function selfSignedOrigin({
  expired = false
}: { expired?: boolean } = {}): Promise<Control> {
  return await startMockServer({ tls: { expired } })
}
