import { createSign, generateKeyPairSync } from 'node:crypto'
import { createServer as createHttpsServer } from 'node:https'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'

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
export async function selfSignedOrigin({ expired = false }: { expired?: boolean } = {}): Promise<
  Control & { cert: string }
> {
  const { key, cert } = selfSigned(expired)
  const server = createHttpsServer({ key, cert }, (_request, response) => response.end('secret'))
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => void server.once('listening', resolve))
  return {
    cert,
    origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => void server.close(resolve))
    }
  }
}

/** A certificate for 127.0.0.1 signed by its own key, as X.509 v3 in DER (RFC 5280, 4.1). */
function selfSigned(expired: boolean): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = sequence(der(0x06, Buffer.from('2a8648ce3d040302', 'hex')))
  const commonName = sequence(
    der(0x06, Buffer.from('550403', 'hex')),
    der(0x0c, Buffer.from('aplomb'))
  )
  const name = sequence(der(0x31, commonName))
  const validity = sequence(utcTime(2020), utcTime(expired ? 2021 : 2049))
  const address = der(0x30, der(0x87, Buffer.from([127, 0, 0, 1])))
  const altName = sequence(der(0x06, Buffer.from('551d11', 'hex')), der(0x04, address))
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    algorithm,
    name,
    validity,
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(altName))
  )
  const signature = createSign('sha256').update(body).sign(privateKey)
  const whole = sequence(body, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), signature])))
  const lines = whole
    .toString('base64')
    .match(/.{1,64}/g)
    ?.join('\n')
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  return { key, cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n` }
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts))
}

function utcTime(year: number): Buffer {
  return der(0x17, Buffer.from(`${String(year % 100).padStart(2, '0')}0101000000Z`))
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  if (length < 128) return Buffer.concat([Buffer.from([tag, length]), content])
  const bytes = length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...bytes]), content])
}
