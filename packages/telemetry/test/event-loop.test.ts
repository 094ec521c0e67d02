import { expect, it } from 'vitest'
import { startTelemetry } from '../src/index.ts'

const valueOf = (text: string, name: string): number =>
  Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1])

it('tells how busy and how late the event loop is', async () => {
  await using telemetry = startTelemetry()
  const text = await telemetry.metrics()
  const utilization = valueOf(text, 'nodejs_eventloop_utilization')
  expect(utilization).toBeGreaterThanOrEqual(0)
  expect(utilization).toBeLessThanOrEqual(1)
  for (const part of ['p50', 'p99', 'max']) {
    expect(valueOf(text, `nodejs_eventloop_delay_${part}_seconds`)).toBeGreaterThanOrEqual(0)
  }
})

it('leaves it unwatched where that is not wanted', async () => {
  await using telemetry = startTelemetry({ eventLoop: false })
  expect(await telemetry.metrics()).not.toContain('nodejs_eventloop')
})

it('keeps nothing open', async () => {
  const before = process.getActiveResourcesInfo()
  const telemetry = startTelemetry()
  expect(process.getActiveResourcesInfo()).toEqual(before)
  telemetry.stop()
})
