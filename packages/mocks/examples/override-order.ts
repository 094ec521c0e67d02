import assert from 'node:assert/strict'
import { mockHttp } from '@aplomb/mocks'

const statusOf = async (): Promise<number> => (await fetch('https://api.example.com/data')).status

const api = mockHttp('https://api.example.com')
api.get('/data').respond({ status: 200 })

// What is declared last wins …
api.get('/data').respond({ status: 503 }).times(1)
assert.deepEqual([await statusOf(), await statusOf()], [503, 200])

// … and a scope wins over all outside of it, until it ends.
const scope = api.scope()
scope.get('/data').respond({ status: 401 })
assert.equal(await statusOf(), 401)
scope[Symbol.dispose]()
assert.equal(await statusOf(), 200)

api[Symbol.dispose]()
