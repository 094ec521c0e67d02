import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const RUN = join(import.meta.dirname, 'run.mjs')

/** Runs a program as the bootstrap does, in a process group of its own, as a shell's job has. */
function bootstrap(program: string, args: readonly string[], output = 'show') {
  const code = `import { run } from ${JSON.stringify(RUN)}
    await run('node', ${JSON.stringify(['-e', program, ...args])}, { env: process.env, output: '${output}' })
    console.log('went on')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const seen = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (seen.stdout += String(chunk)))
  child.stderr.on('data', (chunk: Buffer) => (seen.stderr += String(chunk)))
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, ...seen }))
  })
  return { child, ended }
}

// Counts signals, and takes a moment to end after the first.
const GRACEFUL = `
  let count = 0
  const keep = setInterval(() => {}, 1000)
  process.on('SIGINT', () => {
    count += 1
    if (count > 1) return
    setTimeout(() => { console.log('signals: ' + count); clearInterval(keep); process.exitCode = 7 }, 400)
  })
  console.log('ready')`

describe('a program run by the bootstrap', () => {
  it('gets its arguments as they were given', async () => {
    const args = ['https://a/{1..5}', `it's "so" $HOME \`x\``, 'two words', '', '*', '\\n']
    const { ended } = bootstrap('console.log(JSON.stringify(process.argv.slice(1)))', [
      '--',
      ...args
    ])
    const { stdout, code } = await ended
    expect(JSON.parse(stdout.split('\n')[0] ?? '')).toEqual(args)
    expect(stdout).toContain('went on')
    expect(code).toBe(0)
  })

  it('that fails ends the bootstrap with its code, and shows what was kept back', async () => {
    const { ended } = bootstrap(`console.log('why'); process.exit(3)`, [], 'on failure')
    expect(await ended).toEqual({ code: 3, stdout: '', stderr: 'why\n' })
  })

  it.each(['the bootstrap alone', 'the group, and npm passes it on'])(
    'gets one SIGINT sent to %s, and is waited for',
    async (target) => {
      const { child, ended } = bootstrap(GRACEFUL, [])
      const pid = child.pid ?? 0
      await new Promise<void>((resolve) => {
        child.stdout.on('data', () => resolve())
      })
      if (target === 'the bootstrap alone') process.kill(pid, 'SIGINT')
      else {
        process.kill(-pid, 'SIGINT')
        // What npm does, some moments later, with the signal that it got from the group.
        await new Promise((resolve) => setTimeout(resolve, 30))
        process.kill(pid, 'SIGINT')
      }
      expect(await ended).toEqual({ code: 7, stdout: 'ready\nsignals: 1\n', stderr: '' })
    }
  )
})
