import { subscribeTo } from '@aplomb/kernel'
import { expect, it, onTestFinished } from 'vitest'
import { createClient } from '../src/index.ts'
import { serve } from './server.ts'

type Event = Record<string, unknown> & { readonly event: string }

function record(): Event[] {
  const events: Event[] = []
  for (const event of ['request', 'response', 'error', 'retry', 'pause']) {
    const name = `aplomb:http:${event}`
    onTestFinished(subscribeTo(name, (message) => events.push({ event, ...message })))
  }
  return events
}

it('every attempt is a request followed by a response or an error, with the same key', async () => {
  const events = record()
  let count = 0
  const { origin } = await serve((request, response) => {
    count++
    if (count === 1) request.socket.resetAndDestroy()
    else response.writeHead(count === 2 ? 503 : 200).end('{}')
  })
  await using client = createClient(origin, { retry: { backoff: 1 } })
  await client.get('/a?token=x', { correlationId: 'c-1' }).json()
  expect(events.map(({ event, attempt, status }) => [event, attempt, status])).toEqual([
    ['request', 1, undefined],
    ['error', 1, undefined],
    ['retry', 1, undefined],
    ['request', 2, undefined],
    ['response', 2, 503],
    ['retry', 2, undefined],
    ['request', 3, undefined],
    ['response', 3, 200]
  ])
  const facts = { method: 'GET', origin, path: '/a?token=***', correlationId: 'c-1' }
  for (const event of events) expect(event).toMatchObject(facts)
  expect(events[1]).toMatchObject({ errorType: 'ERR_HTTP_NETWORK', sent: true })
  expect(events[0]?.['key']).toBe(events[1]?.['key'])
  expect(events[3]?.['key']).toBe(events[4]?.['key'])
  expect(events[7]?.['durationMs']).toBeGreaterThan(0)
})

it('an aborted attempt ends with an error event, so that counts of active ones go back', async () => {
  const events = record()
  const { origin } = await serve(() => undefined)
  await using client = createClient(origin, { timeout: { totalMs: 20 } })
  await client
    .get('/')
    .json()
    .catch(() => undefined)
  expect(events.map(({ event }) => event)).toEqual(['request', 'error'])
  expect(events[1]).toMatchObject({ errorType: 'ERR_TIMEOUT' })
})

it('a pause is told', async () => {
  const events = record()
  let count = 0
  const { origin } = await serve((_, response) => {
    if (count++ === 0) response.writeHead(429, { 'retry-after': '0.01' }).end()
    else response.end('{}')
  })
  await using client = createClient(origin, { retry: { backoff: 1 } })
  await client.get('/').json()
  expect(events.find(({ event }) => event === 'pause')).toMatchObject({
    origin,
    pauseMs: 10,
    reason: 'retry-after'
  })
})
