import { execFile } from 'node:child_process'
import { expect, it } from 'vitest'

const kernel = new URL('../src/index.ts', import.meta.url).href

function run(code: string): Promise<{ stdout: string; exitCode: number }> {
  return new Promise((resolve) => {
    const args = ['--input-type=module', '--conditions=@aplomb/source', '--eval', code]
    const child = execFile(process.execPath, args, (_error, stdout) => {
      resolve({ stdout, exitCode: child.exitCode ?? -1 })
    })
  })
}

it('a pending timer keeps the process alive', async () => {
  const result = await run(`
    const { sleep, systemClock } = await import('${kernel}')
    await sleep(systemClock, 60)
    console.log('slept')`)
  expect(result).toEqual({ stdout: 'slept\n', exitCode: 0 })
})

it('a cancelled one does not', async () => {
  const result = await run(`
    const { systemClock } = await import('${kernel}')
    const long = systemClock.setTimer(() => console.log('fired'), 60_000)
    systemClock.setTimer(() => long.cancel(), 40)
    process.on('exit', () => console.log(systemClock.pendingTimers))`)
  expect(result).toEqual({ stdout: '0\n', exitCode: 0 })
})

it('a throwing callback is an uncaught exception and spares the other timers', async () => {
  const result = await run(`
    const { systemClock } = await import('${kernel}')
    process.on('uncaughtException', (error) => console.log(error.message))
    systemClock.setTimer(() => { throw new Error('thrown') }, 5)
    systemClock.setTimer(() => console.log('second'), 5)`)
  expect(result.stdout.split('\n').toSorted()).toEqual(['', 'second', 'thrown'])
})
