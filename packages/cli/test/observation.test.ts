import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startMockServer } from '@aplomb/mocks/server'
import { afterAll, expect, it } from 'vitest'
import { startCli } from './cli-process.ts'

const folder = mkdtempSync(join(tmpdir(), 'aplomb-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

it('writes events with correlation ids, and metrics, where that is asked for', async () => {
  await using server = await startMockServer({ script: [{ status: 503 }] })
  server.get('/item').respond({ json: { ok: true } })
  const input = `${JSON.stringify({ url: `${server.origin}/item`, id: 'order-17' })}\n`
  const args = ['fetch', '--log=run.log', '--metrics=run.prom', '--out=out.ndjson', '--quiet']
  expect(await startCli(args, { cwd: folder, input }).ended).toMatchObject({ code: 0, stderr: '' })
  const lines = readFileSync(join(folder, 'run.log'), 'utf8').trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line) as object)).toContainEqual(
    expect.objectContaining({ event: 'aplomb:http:retry', correlationId: 'order-17', attempt: 1 })
  )
  const metrics = readFileSync(join(folder, 'run.prom'), 'utf8')
  expect(metrics).toMatch(/http_client_request_duration_seconds_count\{.*status_code="503".*\} 1/)
  expect(metrics).toMatch(/http_client_request_duration_seconds_count\{.*status_code="200".*\} 1/)
  expect(server.calls.last?.request.headers).toBeDefined()
  expect(server.calls.last?.request.headers).not.toHaveProperty('x-correlation-id')
})
