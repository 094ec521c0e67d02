import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createClient } from '@aplomb/http'

// Someone's API, which fails now and then.
let count = 0
const server = createServer((_, response) => {
  if (++count % 3 === 1) response.writeHead(503).end()
  else response.end(JSON.stringify({ login: 'octocat', count }))
})
await new Promise<void>((resolve) => server.listen(0, resolve))
const origin = `http://localhost:${(server.address() as AddressInfo).port}`

const api = createClient(origin, {
  headers: { authorization: 'Bearer secret' },
  limits: { concurrency: 50, rate: '5000/h' },
  timeout: { totalMs: 30_000, attemptMs: 10_000 },
  retry: { maxRetries: 3, backoff: 20 }
})

const user = await api.get('/users/octocat').json<{ login: string }>()
console.log(user.login)

const { status } = await api.post('/issues', { json: { title: 'Hello' }, idempotencyKey: true })
console.log(status)

await api.close()
server.close()
