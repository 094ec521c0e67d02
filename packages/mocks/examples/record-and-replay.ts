import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mockHttp } from '@aplomb/mocks'
import { startMockServer } from '@aplomb/mocks/server'

// It stands for the real thing.
const server = await startMockServer()
server.get('/user').respond({ json: { name: 'ada', access_token: 'very-secret' } })

const folder = mkdtempSync(join(tmpdir(), 'recording-'))
const file = join(folder, 'user.json')

const recorder = mockHttp(server.origin)
const recording = recorder.record(file)
const real = await (await fetch(`${server.origin}/user`)).json()
recording.save()
recorder[Symbol.dispose]()
await server.close()
assert.deepEqual(real, { name: 'ada', access_token: 'very-secret' })

// The server is gone; the answer is there, without the secret.
const replay = mockHttp(server.origin)
replay.replay(file)
const again = await (await fetch(`${server.origin}/user`)).json()
assert.deepEqual(again, { name: 'ada', access_token: '[redacted]' })

replay[Symbol.dispose]()
rmSync(folder, { recursive: true })
