import assert from 'node:assert/strict'
import { mockHttp } from '@aplomb/mocks'

const api = mockHttp('https://api.example.com')
api.get('/config').optional()
api.get('/users').as('list users')
api.post('/events').times(2)
api.get('/poll').sequence([{ status: 202 }, { status: 202 }, { json: 'done' }])

await fetch('https://api.example.com/events', { method: 'POST' })
await fetch('https://api.example.com/poll')

assert.throws(() => api.verify(), {
  code: 'ERR_MOCKS_UNFINISHED',
  issues: [
    'list users was never called',
    'POST https://api.example.com/events was called once, expected 2 times',
    'GET https://api.example.com/poll has 2 of 3 replies of its sequence left over'
  ]
})

api.close()
