import assert from 'node:assert/strict'
import { TestClock } from '@aplomb/kernel/testing'
import { mockHttp } from '@aplomb/mocks'
import { request } from 'undici'

const clock = new TestClock()
const api = mockHttp('https://api.example.com', { clock })
api.get('/slow').respond({ json: { late: true }, delayMs: 60_000 })

// The client's own timeout fires, with its own error, though no time passes.
const options = { dispatcher: api.dispatcher, headersTimeout: 10_000 }
const failed = assert.rejects(request('https://api.example.com/slow', options), {
  name: 'HeadersTimeoutError',
  code: 'UND_ERR_HEADERS_TIMEOUT'
})
await clock.advance(10_000)
await failed
assert.equal(api.calls.last?.durationMs, 10_000)

api[Symbol.dispose]()
