import { channel } from 'node:diagnostics_channel'
import { Context, eventChannel } from '@aplomb/kernel'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { correlation, startTelemetry } from '../src/index.ts'
import { logTable } from '../src/log-table.ts'
import { metricTable } from '../src/metric-table.ts'

const retries = eventChannel<{ name: string; attempt: number; reason: string; delayMs: number }>(
  'policies',
  'retry'
)
const acquires = eventChannel<{ pool: string; waitMs: number }>('pool', 'acquire')
const breakers = eventChannel<{ name: string; key?: string; to: string }>('policies', 'breaker')

function captured(): {
  lines: () => Record<string, unknown>[]
  stream: { write(text: string): void }
} {
  const texts: string[] = []
  return {
    lines: () => texts.map((text) => JSON.parse(text) as Record<string, unknown>),
    stream: { write: (text) => void texts.push(text) }
  }
}

it('turns events into Prometheus text', async () => {
  await using telemetry = startTelemetry()
  retries.publish({ name: 'github', attempt: 1, reason: 'throttled', delayMs: 5 })
  retries.publish({ name: 'github', attempt: 2, reason: 'throttled', delayMs: 5 })
  acquires.publish({ pool: 'db', waitMs: 30 })
  breakers.publish({ name: 'b', key: 'http://h', to: 'open' })
  const text = await telemetry.metrics()
  expect(text).toContain('aplomb_retries_total{policy="github",reason="throttled"} 2')
  expect(text).toContain(
    'db_client_connection_wait_time_seconds_bucket{le="0.05",db_client_connection_pool_name="db"} 1'
  )
  expect(text).toContain(
    'db_client_connection_wait_time_seconds_sum{db_client_connection_pool_name="db"} 0.03'
  )
  expect(text).toContain('aplomb_breaker_state{policy="b",key="http://h"} 2')
})

it('feeds the registry it is given', async () => {
  const registry = new Registry()
  await using telemetry = startTelemetry({ prometheus: registry })
  expect(telemetry.registry).toBe(registry)
  retries.publish({ name: 'mine', attempt: 1, reason: 'timeout', delayMs: 5 })
  expect(await registry.metrics()).toContain(
    'aplomb_retries_total{policy="mine",reason="timeout"} 1'
  )
})

it('listens to nothing once it has stopped, so that events cost nothing again', async () => {
  {
    await using _telemetry = startTelemetry({ logger: pino({ enabled: false }) })
    expect(retries.hasSubscribers).toBe(true)
  }
  const names = [
    ...metricTable.flatMap(({ channels }) => channels),
    ...logTable.map(({ channel }) => channel)
  ]
  expect(names.filter((name) => channel(name).hasSubscribers)).toEqual([])
})

it('logs with the correlation id of the work at hand', async () => {
  const { lines, stream } = captured()
  const logger = pino({ level: 'debug' }, stream)
  await using _telemetry = startTelemetry({ logger })
  Context.from({ correlationId: 'order-17' }).run(() => {
    retries.publish({ name: 'github', attempt: 1, reason: 'timeout', delayMs: 5 })
  })
  expect(lines()).toMatchObject([
    {
      level: 20,
      correlationId: 'order-17',
      name: 'github',
      attempt: 1,
      msg: 'attempt failed, retrying',
      event: 'aplomb:policies:retry'
    }
  ])
})

it('logs errors as pino shows errors', async () => {
  const { lines, stream } = captured()
  await using _telemetry = startTelemetry({ logger: pino({}, stream) })
  channel('aplomb:pool:create-error').publish({ pool: 'db', error: new Error('refused') })
  expect(lines()).toMatchObject([{ pool: 'db', err: { type: 'Error', message: 'refused' } }])
})

it('gives a mixin that puts the correlation id on every line of your own', () => {
  const { lines, stream } = captured()
  const logger = pino({ mixin: correlation }, stream)
  Context.from({ correlationId: 'order-18' }).run(() => logger.info('inside'))
  logger.info('outside')
  expect(lines().map(({ msg, correlationId }) => [msg, correlationId])).toEqual([
    ['inside', 'order-18'],
    ['outside', undefined]
  ])
})

it('a message that does not fit breaks nothing', async () => {
  await using telemetry = startTelemetry()
  channel('aplomb:pool:acquire').publish({ waitMs: 'long' })
  channel('aplomb:pool:acquire').publish(null)
  acquires.publish({ pool: 'after', waitMs: 1 })
  expect(await telemetry.metrics()).toContain('_count{db_client_connection_pool_name="after"} 1')
})

it('goes on in a registry that an earlier telemetry has filled', async () => {
  const registry = new Registry()
  for (let round = 0; round < 2; round++) {
    await using _telemetry = startTelemetry({ prometheus: registry })
    acquires.publish({ pool: 'again', waitMs: 1 })
  }
  expect(await registry.metrics()).toContain('_count{db_client_connection_pool_name="again"} 2')
})

it('refuses bad options, all at once', () => {
  expect(() =>
    startTelemetry({ prometheus: 7, logger: console.log, promeheus: 1, maxLabelValues: 0 } as never)
  ).toThrow(
    'startTelemetry: invalid options:\n' +
      '  - promeheus: unknown option, did you mean "prometheus"?\n' +
      '  - prometheus: must be a prom-client Registry, not 7\n' +
      '  - logger: must be a logger with debug, info, warn and error, not a function\n' +
      '  - maxLabelValues: must be a whole number, 1 or more, not 0'
  )
})
