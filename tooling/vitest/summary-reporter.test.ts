import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { fixtureFolder } from '../checks/fixture.ts'
import { houseRoot } from '../checks/workspace.ts'

/** Runs these test files by Vitest with the reporter; the last line it wrote, and its exit code. */
async function closingLine(files: Record<string, string>): Promise<[string, number | null]> {
  const root = fixtureFolder(files)
  const vitest = join(houseRoot, 'node_modules/vitest/vitest.mjs')
  const reporter = `--reporter=${join(import.meta.dirname, 'summary-reporter.ts')}`
  const child = spawn(process.execPath, [vitest, 'run', '--globals', '--root', root, reporter], {
    cwd: houseRoot,
    env: { ...process.env, APLOMB_SUMMARY_FILE: undefined },
    stdio: ['ignore', 'pipe', 'ignore']
  })
  let stdout = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += String(chunk)))
  const code = await new Promise<number | null>((resolve) => {
    child.once('close', resolve)
  })
  return [stdout.trimEnd().split('\n').at(-1) ?? '', code]
}

it('closes a good run with a plain line', async () => {
  const good = `it('a', () => {}); it('b', () => {}); it.skip('c', () => {})`
  expect(await closingLine({ 'a.test.ts': good })).toEqual(['2 passed, 0 failed, 1 skipped', 0])
})

it('counts a failing test, a file that does not load, a broken hook and an unhandled rejection', async () => {
  const files = {
    'fails.test.ts': `it('a', () => { throw new Error('a') }); it('b', () => {})`,
    'syntax.test.ts': 'const = 1',
    'hook.test.ts': `beforeAll(() => { throw new Error('b') }); it('never runs', () => {})`,
    'unhandled.test.ts': `it('c', () => { Promise.reject(new Error('c')) })`
  }
  const [line, code] = await closingLine(files)
  // The test behind the broken hook counts as skipped, the hook itself as failed.
  expect(line).toBe('2 passed, 4 failed, 1 skipped')
  expect(code).toBe(1)
})

it('does not take an empty run for a good one', async () => {
  expect(await closingLine({ 'readme.md': '' })).toEqual(['0 passed, 0 failed', 1])
})
