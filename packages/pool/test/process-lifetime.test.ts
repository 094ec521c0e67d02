import { execFile } from 'node:child_process'
import { expect, it } from 'vitest'

const pool = new URL('../src/index.ts', import.meta.url).href

function run(code: string): Promise<string> {
  return new Promise((resolve) => {
    const args = ['--input-type=module', '--conditions=@aplomb/source', '--eval', code]
    execFile(process.execPath, args, { cwd: import.meta.dirname }, (_error, stdout) =>
      resolve(stdout)
    )
  })
}

it('a pool that is not closed does not keep an idle process alive', async () => {
  const stdout = await run(`
    const { createPool } = await import('${pool}')
    const pool = createPool({ create: async () => 1, destroy: async () => {} }, { min: 2 })
    await pool.use((resource) => console.log(resource))
    process.on('exit', () => console.log('exit', pool.idle))`)
  expect(stdout).toBe('1\nexit 2\n')
})

it('nor does one that cannot create what nobody waits for', async () => {
  const stdout = await run(`
    const { createPool } = await import('${pool}')
    const refuse = async () => { throw new Error('refused') }
    const pool = createPool({ create: refuse, destroy: async () => {} }, { min: 2 })
    await pool.acquire({ timeoutMs: 20 }).catch(({ code }) => console.log(code))
    process.on('exit', () => console.log('exit'))`)
  expect(stdout).toBe('ERR_POOL_ACQUIRE_TIMEOUT\nexit\n')
})

it('but a caller who waits for a creation without end does', async () => {
  const stdout = await run(`
    const { createPool } = await import('${pool}')
    let attempts = 0
    const create = async () => { if (++attempts < 3) throw new Error('refused'); return attempts }
    const options = { acquireTimeoutMs: Infinity, createBackoffMs: 20 }
    const pool = createPool({ create, destroy: async () => {} }, options)
    const lease = await pool.acquire()
    console.log(lease.resource)`)
  expect(stdout).toBe('3\n')
})
