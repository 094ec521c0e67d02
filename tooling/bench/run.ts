// `pnpm bench http [--json]`: runs one file of questions, or all of them, and prints the ratios.
import { readdirSync } from 'node:fs'
import type { Answer } from './harness.ts'

/** What a file of questions exports. */
type Questions = { default: () => Promise<readonly Answer[]> }

const notQuestions = new Set(['harness.ts', 'run.ts'])
const all = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.tmp.ts') && !notQuestions.has(file))
  .map((file) => file.slice(0, -'.ts'.length))

const args = process.argv.slice(2)
const json = args.includes('--json')
const names = args.filter((arg) => arg !== '--json' && arg !== '--')
const unknown = names.filter((name) => !all.includes(name))
if (unknown.length > 0) {
  process.stderr.write(`no such benchmark: ${unknown.join(', ')}; there are ${all.join(', ')}\n`)
  process.exit(2)
}

const answers: Answer[] = []
for (const name of names.length > 0 ? names : all) {
  const { default: questions } = (await import(`./${name}.ts`)) as Questions
  for (const answer of await questions()) {
    answers.push(answer)
    if (!json) print(answer)
  }
}
if (json) process.stdout.write(`${JSON.stringify({ node: process.version, answers }, null, 2)}\n`)
process.exit(0)

function print({ title, baseline, results }: Answer): void {
  process.stdout.write(`\n${title}\n  (speed and cpu as ratios to ${baseline})\n`)
  const width = Math.max(...results.map(({ name }) => name.length))
  for (const { name, nsPerOp, speed, cpu } of results) {
    const time =
      nsPerOp >= 10_000 ? `${(nsPerOp / 1000).toFixed(1)} µs` : `${nsPerOp.toFixed(0)} ns`
    const ratios = `speed ${speed.toFixed(2)} ×   cpu ${cpu.toFixed(2)} ×`
    process.stdout.write(`  ${name.padEnd(width)}  ${time.padStart(10)}   ${ratios}\n`)
  }
}
