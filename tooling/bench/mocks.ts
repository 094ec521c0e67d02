// What a mocked request costs with undici's `request()` and its JSON read, one after the other: our
// dispatcher against MockAgent (bars: 15 µs, 1.2 × MockAgent), and our sockets and server against
// nock and a plain server of Node's.
import { Agent, createServer, get as httpGet } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mockHttp } from '@aplomb/mocks'
import { startMockServer } from '@aplomb/mocks/server'
import nock from 'nock'
import { MockAgent, Pool, request, type Dispatcher } from 'undici'
import { ask, sequence, type Answer, type Contender } from './harness.ts'

const origin = 'https://api.example.com'
const json = { id: 7, name: 'octocat', tags: ['a', 'b', 'c'], nested: { ok: true } }
const FAST = 10_000
const SLOW = 500

nock.restore()

function throughUndici(name: string, dispatcher: Dispatcher, base = origin): Contender {
  const call = async (): Promise<unknown> => {
    const { body } = await request(`${base}/users/7`, { dispatcher })
    return await body.json()
  }
  return { name, round: sequence(call, FAST) }
}

function ofOurs(): Contender {
  const mocks = mockHttp(origin, { sockets: false })
  mocks.get('/users/7').respond({ json })
  return throughUndici('aplomb dispatcher', mocks.dispatcher)
}

function ofMany(): Contender {
  const mocks = mockHttp(origin, { sockets: false })
  for (let index = 0; index < 50; index++) mocks.get(`/other/${index}`).respond({ json })
  mocks.get('/users/:id', { headers: {} }).respond({ json })
  return throughUndici('aplomb dispatcher, pattern', mocks.dispatcher)
}

function ofMockAgent(): Contender {
  const agent = new MockAgent()
  agent.disableNetConnect()
  agent.get(origin).intercept({ path: '/users/7' }).reply(200, json).persist()
  return throughUndici('MockAgent', agent)
}

async function ofServers(): Promise<Contender[]> {
  const ours = await startMockServer()
  ours.get('/users/7').respond({ json })
  const text = JSON.stringify(json)
  const plain = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(text)
  })
  await new Promise((resolve) => void plain.listen(0, '127.0.0.1', () => resolve(undefined)))
  const base = `http://127.0.0.1:${(plain.address() as AddressInfo).port}`
  return [
    throughUndici('plain node:http server', new Pool(base), base),
    throughUndici('aplomb server', new Pool(ours.origin), ours.origin)
  ]
}

function getWithHttp(agent: Agent): Promise<unknown> {
  return new Promise((resolve, reject) => {
    httpGet('http://api.example.com/users/7', { agent }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve(JSON.parse(text)))
    }).on('error', reject)
  })
}

function onSockets(): Contender[] {
  // Each with connections of its own: neither knows the other's.
  const callWith = (agent: Agent): (() => Promise<number>) =>
    sequence(() => getWithHttp(agent), SLOW)
  const [nocks, ours] = [new Agent({ keepAlive: true }), new Agent({ keepAlive: true })]
  return [
    {
      name: 'nock',
      async round() {
        nock.activate()
        nock('http://api.example.com').get('/users/7').reply(200, json).persist()
        const count = await callWith(nocks)()
        nock.cleanAll()
        nock.restore()
        return count
      }
    },
    {
      name: 'aplomb sockets',
      async round() {
        const mocks = mockHttp('http://api.example.com')
        mocks.get('/users/7').respond({ json })
        const count = await callWith(ours)()
        mocks.close()
        return count
      }
    }
  ]
}

export default async function mocks(): Promise<Answer[]> {
  return [
    await ask({
      title: "A mocked request through undici's request()",
      baseline: 'MockAgent',
      contenders: [ofMockAgent(), ofOurs(), ofMany(), ...(await ofServers())]
    }),
    await ask({
      title: 'A mocked request of node:http',
      baseline: 'nock',
      contenders: onSockets()
    })
  ]
}
