import { run } from '@aplomb/cli'
import { systemClock } from '@aplomb/kernel'
import { startMockServer } from '@aplomb/mocks/server'

// What `aplomb fetch 'http://…/items/{1..3}' --rate 100/s` does, from a program.
const server = await startMockServer()
server.get('/items/:id').respond((request) => ({ json: { id: request.params['id'] } }))

const exitCode = await run(['fetch', `${server.origin}/items/{1..3}`, '--rate', '100/s'], {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
  signal: new AbortController().signal
})
console.log('exit code', exitCode)
await server.close()
