import { channel } from 'node:diagnostics_channel'
import { expect, it } from 'vitest'
import { startTelemetry } from '../src/index.ts'
import { messages } from './messages.ts'

const request = messages['aplomb:http:request'] as Record<string, unknown>
const publish = (event: string, fields: object): void =>
  channel(`aplomb:http:${event}`).publish({ ...messages[`aplomb:http:${event}`], ...fields })
const active = 'http_client_active_requests{http_request_method="GET",'
const github = 'server_address="api.github.com",server_port="443"'

it('labels durations as OpenTelemetry does', async () => {
  await using telemetry = startTelemetry()
  publish('response', { status: 200 })
  publish('response', { status: 503 })
  publish('error', {})
  const name = 'http_client_request_duration_seconds_count{http_request_method="GET",'
  const text = await telemetry.metrics()
  expect(text).toContain(`${name}${github},http_response_status_code="200",error_type=""} 1`)
  expect(text).toContain(`${name}${github},http_response_status_code="503",error_type="503"} 1`)
  expect(text).toContain(`${name}${github},http_response_status_code="",error_type="ECONNRESET"} 1`)
})

it('counts what is under way: up with a request, down with its response or error', async () => {
  await using telemetry = startTelemetry()
  const [one, two] = [{ key: {} }, { key: {} }]
  publish('request', one)
  publish('request', two)
  expect(await telemetry.metrics()).toContain(`${active}${github}} 2`)
  publish('response', one)
  publish('error', two)
  expect(await telemetry.metrics()).toContain(`${active}${github}} 0`)
})

it('never falls below zero by the end of what began before it listened', async () => {
  await using telemetry = startTelemetry()
  publish('response', { key: {} })
  const key = {}
  publish('request', { key })
  publish('response', { key })
  publish('error', { key })
  expect(await telemetry.metrics()).toContain(`${active}${github}} 0`)
})

it('adds up the pauses that servers ask for, by server and port', async () => {
  await using telemetry = startTelemetry()
  publish('pause', { pauseMs: 1500 })
  publish('pause', { pauseMs: 2500 })
  const server = 'server_address="[::1]",server_port="8080",reason="retry-after"'
  const text = await telemetry.metrics()
  expect(text).toContain(`aplomb_http_pauses_total{${server}} 2`)
  expect(text).toContain(`aplomb_http_pause_seconds_total{${server}} 4`)
})

it('keeps the number of time series bounded for who talks to very many servers', async () => {
  await using telemetry = startTelemetry({ maxLabelValues: 3 })
  for (let host = 0; host < 50; host++) {
    publish('response', { origin: `https://host-${host}.example`, status: 200 })
  }
  const text = await telemetry.metrics()
  const counts = text.match(/^http_client_request_duration_seconds_count.*/gm) ?? []
  expect(counts).toHaveLength(4)
  expect(counts.at(-1)).toContain('server_address="other"')
  expect(counts.at(-1)).toMatch(/ 47$/)
  expect(request['path']).not.toBe('')
  expect(text).not.toContain('octocat')
})
