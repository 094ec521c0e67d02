import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createClient } from '@aplomb/http'

const server = createServer((request, response) => void request.pipe(response))
await new Promise<void>((resolve) => server.listen(0, resolve))
const url = `http://localhost:${(server.address() as AddressInfo).port}/echo`

// `new OpenAI({ fetch, maxRetries: 0 })`, `new Octokit({ request: { fetch } })`, …
const client = createClient({ limits: { concurrency: 20 } })
const { fetch } = client

const response = await fetch(url, { method: 'PUT', body: JSON.stringify({ hello: 'world' }) })
console.log(response instanceof Response, await response.json())

await client.close()
server.close()
