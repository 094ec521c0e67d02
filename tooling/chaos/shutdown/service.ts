// A service for shutdown.test.ts: each request leases a resource, asks an upstream and has a thread
// count. It says on stdout what happens while it is told to stop.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createClient } from '@aplomb/http'
import { createPool } from '@aplomb/pool'
import { offload, runMain, shield } from '@aplomb/tasks'

const [, , upstream = '', mode = ''] = process.argv
const say = (line: string): void => void process.stdout.write(`${line}\n`)

await runMain(
  async (scope) => {
    scope.onReadyChange((ready) => say(`ready ${ready}`))
    const client = createClient(upstream)
    scope.defer('client', () => client.close())
    const pool = createPool({ create: async () => ({}), destroy: async () => {} }, { max: 2 })
    scope.defer('pool', async () => {
      const { leased, pending } = pool.statistics()
      say(`pool leased ${leased} waiting ${pending} drained ${await pool.drain()}`)
    })
    const answer = async (): Promise<string> =>
      pool.use(async () => {
        const item = await client.get('/item').text()
        return `${item} ${await offload(new URL('sum.ts', import.meta.url), 1000)}`
      })
    const server = createServer((_request, response) => {
      shield(answer, { timeoutMs: 10_000 }).then(
        (text) => void response.end(text),
        (error: unknown) => void response.writeHead(500).end(String(error))
      )
    })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    scope.defer('server', () => new Promise<void>((resolve) => void server.close(() => resolve())))
    if (mode === 'stuck') scope.spawn('stubborn', () => new Promise(() => undefined))
    say(`listening ${(server.address() as AddressInfo).port}`)
    await scope.untilStopped()
  },
  { drainTimeoutMs: mode === 'stuck' ? 200 : 10_000 }
)
