import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const fixture = fileURLToPath(new URL('fixtures/node-test.fixture.ts', import.meta.url))

test('under node:test, concurrent tests get their own answers and a strict one fails', async () => {
  const args = ['--conditions=@aplomb/source', '--test', '--test-reporter=tap', fixture]
  // The run fails, as it should.
  const { stdout } = await promisify(execFile)(process.execPath, args).catch(
    (error: unknown) => error as { stdout: string }
  )
  expect(stdout).toMatch(/# pass 50\n/)
  expect(stdout).toMatch(/# fail 1\n/)
  expect(stdout).toContain('GET https://api.example.com/never was never called')
})
