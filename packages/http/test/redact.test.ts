import { inspect } from 'node:util'
import { subscribeTo } from '@aplomb/kernel'
import { expect, it, onTestFinished } from 'vitest'
import { createClient } from '../src/index.ts'
import { isSecretHeader, isSecretParameter, redactUrl } from '../src/redact.ts'
import { serve } from './server.ts'

it.each([
  ['https://user:pass@host/a?b=c', 'https://host/a?b=c'],
  ['/a?access_token=x&b=c', '/a?access_token=***&b=c'],
  ['/a?api_key=x', '/a?api_key=***'],
  ['/a?apiKey=x&X-Amz-Signature=y&X-Amz-Date=z', '/a?apiKey=***&X-Amz-Signature=***&X-Amz-Date=z'],
  ['/a?refreshToken=x&monkey=2', '/a?refreshToken=***&monkey=2'],
  ['/a?code=x&client_secret=y', '/a?code=***&client_secret=***'],
  ['/a?pass%77ord=x', '/a?pass%77ord=***'],
  ['/a#token=x', '/a'],
  ['/a?flag', '/a?flag']
])('%s is shown as %s', (url, shown) => {
  expect(redactUrl(url)).toBe(shown)
})

it('credential headers are known by name and by pattern', () => {
  const secret = `Authorization Cookie X-Api-Key x-my-secret X-Auth-Token x-auth x-session-id
    authentication x-authorization x-forwarded-authorization dd-application-key x-access-key
    x-rapidapi-key x-stripe-key x-auth-key x-jwt x-otp x-pass x-hub-signature-256 accesstoken
    cookie2 x-jwt-assertion cb-access-sign`
  for (const name of secret.split(/\s+/u)) expect(isSecretHeader(name), name).toBe(true)
  const open = `accept x-request-id etag x-token-count idempotency-key sec-websocket-key cache-key
    author x-compass x-design x-forwarded-for x-accept-author`
  for (const name of open.split(/\s+/u)) expect(isSecretHeader(name), name).toBe(false)
  expect(isSecretParameter('keyboard')).toBe(false)
})

it('names that a server makes up do not cost time', () => {
  const name = `x-${'_a'.repeat(100_000)}`
  const start = process.cpuUsage()
  for (let index = 0; index < 10; index++) isSecretHeader(name)
  expect(process.cpuUsage(start).user).toBeLessThan(2_000_000)
})

it('no secret shows in errors, JSON, inspect, events, or what a server echoes', async () => {
  const secrets = `SECRET-bearer SECRET-cookie SECRET-other SECRET-key SECRET-query SECRET-set
    SECRET-next`
  const { origin } = await serve((request, response) => {
    response.setHeader('set-cookie', 'session=SECRET-set')
    response.setHeader('content-type', 'application/problem+json')
    const detail = `you sent ${request.headers.authorization} and ${request.headers['x-api-key']} to
      ${request.url} with ${request.headers.cookie}`
    response.setHeader('location', '/next?access_token=SECRET-next&page=2')
    response.setHeader('x-echo', [String(request.headers.authorization), String(request.url)])
    response.writeHead(400, 'No SECRET-bearer').end(JSON.stringify({ title: 'Bad', detail }))
  })
  const events: unknown[] = []
  for (const event of ['request', 'response', 'error', 'retry']) {
    onTestFinished(subscribeTo(`aplomb:http:${event}`, (message) => events.push(message)))
  }
  const headers = {
    authorization: 'Bearer SECRET-bearer',
    cookie: 'id=SECRET-cookie; other=SECRET-other',
    'x-api-key': 'SECRET-key'
  }
  await using client = createClient(origin, { headers })
  const request = client.get('/x', { query: { token: 'SECRET-query' } })
  const error = (await request.json().catch((error: unknown) => error)) as Error
  const response = await client.get('/x?token=SECRET-query', { throwOnStatus: false })
  const gone = createClient('http://127.0.0.1:1', { headers, retry: { backoff: 1 } })
  const exhausted = await gone
    .get('/y?token=SECRET-query')
    .json()
    .catch((e: unknown) => e)
  const fetched = await client.fetch('/x?token=SECRET-query')
  const shown = [
    error,
    response,
    fetched,
    fetched.clone(),
    exhausted,
    client,
    gone,
    client.get('/z?token=SECRET-query'),
    ...events
  ]
  const text = shown
    .flatMap((each) => [
      inspect(each, { depth: 10, showHidden: true }),
      JSON.stringify(each),
      (each as Error).message
    ])
    .join('\n')
  for (const secret of secrets.split(/\s+/u)) expect(text).not.toContain(secret)
  expect(events.length).toBeGreaterThan(4)
  expect(error).toMatchObject({ problem: { title: 'Bad' }, status: 400 })
})
