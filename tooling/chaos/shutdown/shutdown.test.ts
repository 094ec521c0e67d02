import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Gate } from '@aplomb/kernel/testing'
import { startMockServer, type MockServer } from '@aplomb/mocks/server'
import { afterEach, beforeEach, expect, it } from 'vitest'

const service = fileURLToPath(new URL('service.ts', import.meta.url))
let upstream: MockServer
let gate: Gate
let child: ChildProcess
let output: string
let errors: string

beforeEach(async () => {
  gate = new Gate()
  upstream = await startMockServer()
  upstream.get('/item').respond(async () => {
    await gate.pass()
    return { text: 'item' }
  })
})
afterEach(async () => {
  child.kill('SIGKILL')
  await upstream.close()
})

/** Starts the service and gives its address. */
async function start(mode: string): Promise<string> {
  output = ''
  errors = ''
  const args = ['--conditions=@aplomb/source', '--disable-warning=ExperimentalWarning', service]
  child = spawn(process.execPath, [...args, upstream.origin, mode])
  child.stdout?.on('data', (chunk) => (output += String(chunk)))
  child.stderr?.on('data', (chunk) => (errors += String(chunk)))
  const [, port] = await says(/listening (\d+)/)
  return `http://127.0.0.1:${port}/`
}

async function says(pattern: RegExp): Promise<RegExpMatchArray> {
  for (;;) {
    const match = output.match(pattern)
    if (match !== null) return match
    await once(child.stdout as NodeJS.ReadableStream, 'data')
  }
}

async function untilHeld(count: number): Promise<void> {
  while (gate.waiting < count) await new Promise(setImmediate)
}

it('SIGTERM loses no open request, whether it holds a lease or waits for one, and exits with 0', async () => {
  const url = await start('polite')
  const answers = Array.from({ length: 6 }, async () => (await fetch(url)).text())
  await untilHeld(2)
  child.kill('SIGTERM')
  await says(/ready false/)
  gate.open()
  expect(await Promise.all(answers)).toEqual(Array.from({ length: 6 }, () => 'item 500500'))
  expect(await once(child, 'close')).toEqual([0, null])
  expect(output).toContain('pool leased 0 waiting 0 drained true')
  expect(errors).toBe('')
}, 30_000)

it('a task that ignores its cancellation is named, and the exit code says so', async () => {
  await start('stuck')
  child.kill('SIGTERM')
  expect(await once(child, 'close')).toEqual([124, null])
  expect(errors).toContain('stubborn')
}, 30_000)
