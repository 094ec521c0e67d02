import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { logTable } from '../src/log-table.ts'
import { metricTable } from '../src/metric-table.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

/** The cells of the rows below the heading of a section. */
function tableBelow(heading: string): string[][] {
  const section = readme.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  const rows = section.split('\n').filter((line) => line.startsWith('|'))
  return rows.slice(2).map((row) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim())
  )
}

const code = (words: readonly string[]): string => words.map((word) => `\`${word}\``).join(' ')

it('shows every metric as it is', () => {
  const rows = metricTable.map(({ name, kind, labels, help, channels }) => [
    code([name]),
    kind === 'in-flight' ? 'gauge' : kind,
    code(Object.keys(labels)),
    help,
    code(channels)
  ])
  expect(tableBelow('Metrics')).toEqual(rows)
})

it('shows every log line as it is', () => {
  const rows = logTable.map(({ level, message, channel }) => [level, message, code([channel])])
  expect(tableBelow('Log lines')).toEqual(rows)
})
