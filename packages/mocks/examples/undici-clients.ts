import assert from 'node:assert/strict'
import { mockHttp } from '@aplomb/mocks'
import { Agent, Pool, fetch, interceptors, request } from 'undici'

const api = mockHttp('https://api.example.com')
const route = api.get('/data').respond({ json: { ok: true } })

// Whatever you make of undici is mocked, though it was made without a thought of mocks.
const pool = new Pool('https://api.example.com')
const agent = new Agent().compose(interceptors.retry())
await (await fetch('https://api.example.com/data')).json()
await (await request('https://api.example.com/data', { dispatcher: agent })).body.json()
await (await pool.request({ path: '/data', method: 'GET' })).body.json()

// Handed to a client, the mocks' own dispatcher is the fast way, without any socket.
const { body } = await request('https://api.example.com/data', { dispatcher: api.dispatcher })
assert.deepEqual(await body.json(), { ok: true })
assert.equal(route.callCount, 4)

await pool.close()
await agent.close()
api[Symbol.dispose]()
