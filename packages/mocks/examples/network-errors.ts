import assert from 'node:assert/strict'
import { get } from 'node:http'
import { fault, mockHttp } from '@aplomb/mocks'

const api = mockHttp('http://api.example.com')
api.get('/').sequence([fault.refused(), fault.dns(), fault.resetBody({ text: 'half of it' })])

const cause = { code: 'ECONNREFUSED', syscall: 'connect', port: 80 }
const refused = await fetch('http://api.example.com/').catch((error: TypeError) => error.cause)
assert.deepEqual({ ...(refused as object) }, { ...cause, address: '127.0.0.1', errno: -111 })

// The same kinds of error in every client.
const notFound = await new Promise<NodeJS.ErrnoException>((resolve) => {
  get('http://api.example.com/').on('error', resolve)
})
assert.equal(notFound.message, 'getaddrinfo ENOTFOUND api.example.com')

const response = await fetch('http://api.example.com/')
assert.equal(response.status, 200)
await assert.rejects(response.text(), { message: 'terminated' })

api[Symbol.dispose]()
