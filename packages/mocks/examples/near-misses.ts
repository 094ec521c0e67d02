import assert from 'node:assert/strict'
import { lookup, mockHttp, UnmatchedRequestError } from '@aplomb/mocks'
import { request } from 'undici'

const api = mockHttp('https://api.example.com', { strict: false })
api
  .post('/users', {
    headers: { authorization: lookup.startsWith('Bearer ') },
    json: { name: 'Ada', age: lookup.in([36, 37]) }
  })
  .as('create Ada')
api.get('/users/:id')

const error: unknown = await request('https://api.example.com/users', {
  dispatcher: api.dispatcher,
  method: 'POST',
  headers: { authorization: 'Basic x' },
  body: JSON.stringify({ name: 'Ada', age: 35 })
}).catch((error: unknown) => error)

// The closest first, with all that differs.
assert.ok(error instanceof UnmatchedRequestError)
assert.deepEqual(error.near[0], {
  route: 'create Ada',
  differences: [
    'header authorization is "Basic x", expected starts with "Bearer "',
    'JSON body is {"name":"Ada","age":35}, expected {"name":"Ada","age":"one of [36,37]"}'
  ]
})

api[Symbol.dispose]()
