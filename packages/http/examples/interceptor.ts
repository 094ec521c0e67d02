import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resilience } from '@aplomb/http'
import { Agent, request } from 'undici'

let count = 0
const server = createServer((_, response) => response.writeHead(++count < 3 ? 503 : 200).end('ok'))
await new Promise<void>((resolve) => server.listen(0, resolve))
const url = `http://localhost:${(server.address() as AddressInfo).port}/`

const dispatcher = new Agent().compose(resilience({ retry: { backoff: 10 } }))
const { statusCode, body } = await request(url, { dispatcher })
console.log(statusCode, await body.text(), count)

await dispatcher.close()
server.close()
