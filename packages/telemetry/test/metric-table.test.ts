import { channel } from 'node:diagnostics_channel'
import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { startTelemetry } from '../src/index.ts'
import { logTable } from '../src/log-table.ts'
import { metricTable } from '../src/metric-table.ts'
import { messages } from './messages.ts'

const packages = new URL('../../', import.meta.url)

/** Every channel that some package's sources name, with the sources it is named in. */
function channelsOfTheHouse(): Map<string, string> {
  const found = new Map<string, string>()
  for (const owner of readdirSync(packages)) {
    const folder = new URL(`${owner}/src/`, packages)
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.ts'))) {
      const text = readFileSync(new URL(file, folder), 'utf8')
      for (const [, of = '', event = ''] of text.matchAll(
        /eventChannel(?:<[^()]*>)?\(\s*'([\w-]+)',\s*'([\w-]+)'/g
      )) {
        found.set(`aplomb:${of}:${event}`, text)
      }
    }
  }
  return found
}

const published = channelsOfTheHouse()
const fedChannels = [...new Set(metricTable.flatMap(({ channels }) => channels))]

it('listens to channels that packages publish on, and to no others', () => {
  const listened = [...fedChannels, ...logTable.map((row) => row.channel)]
  expect(published.size).toBeGreaterThan(30)
  expect(listened.filter((name) => !published.has(name))).toEqual([])
})

it.each(metricTable)('$name reads fields that its messages have', (row) => {
  const fields = [...Object.values(row.labels), row.milliseconds, row.value]
  for (const field of fields.filter((each) => typeof each === 'string')) {
    const sources = row.channels.map((name) => published.get(name) ?? '')
    expect([field, sources.some((text) => new RegExp(`\\b${field}\\??:`).test(text))]).toEqual([
      field,
      true
    ])
  }
})

it.each(metricTable)(
  '$name follows Prometheus’ rules of naming',
  ({ name, kind, milliseconds }) => {
    expect(name).toMatch(/^[a-z][a-z_]*$/)
    expect(name.endsWith('_total')).toBe(kind === 'counter')
    expect(/_seconds(_total)?$/.test(name)).toBe(milliseconds !== undefined)
  }
)

it.each(metricTable)('$name is made from the messages of its packages', async (row) => {
  await using telemetry = startTelemetry({ eventLoop: false })
  for (const name of row.channels) {
    expect(messages).toHaveProperty([name])
    channel(name).publish(messages[name])
  }
  const text = await telemetry.metrics()
  const metric = row.kind === 'histogram' ? `${row.name}_count` : row.name
  const lines = text.split('\n').filter((line) => line.startsWith(`${metric}{`))
  expect(lines.length).toBeGreaterThan(0)
  for (const line of lines) expect(Number(line.split(' ').at(-1))).not.toBeNaN()
})

it('names no label after what is never twice the same', () => {
  const unbounded = /^(path|text|task|job|correlationId|message|tree|stack)$/
  const fields = metricTable.flatMap(({ labels }) => Object.values(labels))
  expect(fields.filter((field) => unbounded.test(String(field)))).toEqual([])
})
