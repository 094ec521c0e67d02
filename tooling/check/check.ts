// Everything `npm test` asks of the house. Every step runs, whatever became of the one before,
// since one run should show all that is wrong; each counts in the closing line. Arguments narrow
// the test run (`npm test -- packages/limits`), which is then without coverage.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatSummary, type Summary } from '../vitest/summary.ts'

const STEPS: Record<string, readonly string[]> = {
  'build and typecheck': [
    'turbo',
    'run',
    'build',
    'typecheck',
    '--continue',
    '--output-logs=errors-only'
  ],
  'types of the tooling': ['tsc', '-p', 'tooling'],
  lint: ['oxlint'],
  format: ['oxfmt', '--check'],
  'unused code and dependencies': ['knip', '--no-progress', '--no-config-hints']
}

const filters = process.argv.slice(2)
const total: Summary = { passed: 0, failed: 0, skipped: 0 }
const failures: string[] = []

for (const [name, command] of Object.entries(STEPS)) {
  count(name, run(name, command) === 0)
}
const tests = runTests()
total.passed += tests.passed
total.failed += tests.failed
total.skipped += tests.skipped

if (failures.length > 0) console.log(`\nFailed: ${failures.join(', ')}`)
console.log(formatSummary(total))
process.exitCode = total.failed === 0 ? 0 : 1

function count(name: string, good: boolean): void {
  total[good ? 'passed' : 'failed'] += 1
  if (!good) failures.push(name)
}

function runTests(): Summary {
  const folder = mkdtempSync(join(tmpdir(), 'aplomb-check-'))
  const file = join(folder, 'summary.json')
  const options = filters.length === 0 ? ['--coverage', '--typecheck'] : filters
  const code = run('tests', ['vitest', 'run', '--config', 'tooling/vitest/config.ts', ...options], {
    APLOMB_SUMMARY_FILE: file
  })
  const summary = readSummary(file)
  rmSync(folder, { recursive: true })
  // Coverage below its threshold, or Vitest itself broken, shows in the exit code only.
  if (code !== 0 && summary.failed === 0) count('coverage, or Vitest itself', false)
  else if (code !== 0) failures.push('tests')
  return summary
}

function readSummary(file: string): Summary {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Summary
  } catch {
    return { passed: 0, failed: 0, skipped: 0 }
  }
}

function run(name: string, command: readonly string[], extra?: NodeJS.ProcessEnv): number {
  const [program = '', ...args] = command
  console.log(`\n── ${name}`)
  const { status } = spawnSync(program, args, {
    env: { ...process.env, ...extra },
    shell: process.platform === 'win32',
    stdio: 'inherit'
  })
  return status ?? 1
}
