import assert from 'node:assert/strict'
import { mockHttp } from '@aplomb/mocks'

const api = mockHttp('https://api.example.com')
api.get('/orders').respond({ json: [] }).optional()

// The code under test swallows the error …
await fetch('https://api.example.com/ordres').catch(() => undefined)

// … and the test fails all the same.
assert.throws(() => api[Symbol.dispose](), {
  code: 'ERR_MOCKS_UNFINISHED',
  message: /No route takes GET https:\/\/api\.example\.com\/ordres/
})
