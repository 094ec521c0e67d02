import { createClient } from '@aplomb/http'
import { Octokit } from '@octokit/rest'
import { expect, it } from 'vitest'
import { apiServer, json, truncated, type ApiServer } from './api-server.ts'

const client = createClient({ retry: { backoff: 1 } })

function sdk({ origin }: ApiServer): Octokit {
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  return new Octokit({
    auth: 'ghp_test',
    baseUrl: origin,
    log,
    request: { fetch: client.fetch }
  })
}

it('reads JSON, and gets retries of a safe request from the client', async () => {
  const server = await apiServer((_, response) => json(response, { login: 'octocat' }))
  server.failNext(502, 'reset')
  const { data } = await sdk(server).users.getByUsername({ username: 'octocat' })
  expect(data.login).toBe('octocat')
  expect(server.seen).toHaveLength(3)
  expect(server.seen[0]?.headers.authorization).toBe('token ghp_test')
})

it('follows the pages of a Link header', async () => {
  const server = await apiServer(({ path }, response) => {
    const page = Number(new URL(path, 'http://x').searchParams.get('page') ?? 1)
    const next = `<http://${response.req.headers.host}/user/repos?page=${page + 1}>; rel="next"`
    json(response, [{ id: page }], page < 3 ? { link: next } : {})
  })
  const octokit = sdk(server)
  const repos = await octokit.paginate(octokit.repos.listForAuthenticatedUser)
  expect(repos.map(({ id }) => id)).toEqual([1, 2, 3])
})

it('sends megabytes, and uploads a release asset as it is', async () => {
  const server = await apiServer((_, response) => json(response, { id: 1 }))
  const data = 'z'.repeat(2_000_000)
  await sdk(server).request('POST /repos/a/b/releases/1/assets', { data } as never)
  expect(server.seen[0]?.body.length).toBe(2_000_000)
})

it('aborts with the caller’s reason', async () => {
  const server = await apiServer(() => undefined)
  const controller = new AbortController()
  const request = { signal: controller.signal }
  const pending = sdk(server).users.getByUsername({ username: 'x', request })
  controller.abort(new DOMException('stop', 'AbortError'))
  await expect(pending).rejects.toThrow('stop')
})

it('never shows a body that was cut short as an answer', async () => {
  const server = await apiServer((_, response) => truncated(response))
  // Octokit itself drops the error of a body, whichever fetch it runs on, and shows no data.
  const { data } = await sdk(server).users.getByUsername({ username: 'x' })
  expect(data).toBe('')
  await expect((await client.fetch(server.origin)).json()).rejects.toMatchObject({
    code: 'ERR_HTTP_NETWORK'
  })
})
