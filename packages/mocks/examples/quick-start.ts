import assert from 'node:assert/strict'
import { fault, mockHttp } from '@aplomb/mocks'

// `using api = …` where your Node.js has it; `dispose` at the end does the same.
const api = mockHttp('https://api.example.com')

const users = api.get('/users/:id').respond((request) => ({ json: { id: request.params['id'] } }))
api.get('/flaky').sequence([{ status: 503 }, fault.reset(), { json: { ok: true } }])

// Every client in the process is mocked: fetch, undici, node:http, axios, got, ky …
const user = await fetch('https://api.example.com/users/7')
assert.deepEqual(await user.json(), { id: '7' })

const first = await fetch('https://api.example.com/flaky')
assert.equal(first.status, 503)
await assert.rejects(fetch('https://api.example.com/flaky'), { message: 'fetch failed' })
const third = await fetch('https://api.example.com/flaky')
assert.deepEqual(await third.json(), { ok: true })

assert.equal(users.callCount, 1)
assert.equal(users.calls.last?.request.header('host'), 'api.example.com')

// Throws if a request went unmatched, a route was never called or a sequence was left over.
api[Symbol.dispose]()
