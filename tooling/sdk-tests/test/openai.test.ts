import { createClient } from '@aplomb/http'
import OpenAI, { toFile } from 'openai'
import { expect, it } from 'vitest'
import { apiServer, json, truncated, type ApiServer } from './api-server.ts'

const client = createClient({ retry: { backoff: 1 } })

function sdk({ origin }: ApiServer): OpenAI {
  const { fetch } = client
  return new OpenAI({ apiKey: 'sk-test', baseURL: `${origin}/v1`, maxRetries: 0, fetch })
}

it('reads JSON, and gets retries of a safe request from the client', async () => {
  const server = await apiServer((_, response) => json(response, { data: [{ id: 'gpt' }] }))
  server.failNext(503, 'reset')
  const { data } = await sdk(server).models.list()
  expect(data).toMatchObject([{ id: 'gpt' }])
  expect(server.seen).toHaveLength(3)
  expect(server.seen[0]?.headers.authorization).toBe('Bearer sk-test')
})

it('sends a completion once only when the connection is cut', async () => {
  const server = await apiServer((_, response) => json(response, {}))
  server.failNext('reset')
  const messages = [{ role: 'user' as const, content: 'hi' }]
  await expect(sdk(server).chat.completions.create({ model: 'm', messages })).rejects.toThrow(
    /connection/iu
  )
  expect(server.seen).toHaveLength(1)
})

it('uploads a file as multipart', async () => {
  const server = await apiServer((_, response) => json(response, { id: 'file-1' }))
  const content = Buffer.alloc(2_000_000, 'a')
  const file = await toFile(content, 'big.jsonl')
  await sdk(server).files.create({ file, purpose: 'fine-tune' })
  const [seen] = server.seen
  expect(seen?.headers['content-type']).toMatch(/^multipart\/form-data; boundary=/u)
  expect(seen?.body.length).toBeGreaterThan(2_000_000)
  expect(seen?.body.includes('filename="big.jsonl"')).toBe(true)
})

it('sends and reads megabytes of JSON', async () => {
  const text = 'x'.repeat(3_000_000)
  const server = await apiServer(({ body }, response) => {
    const { messages } = JSON.parse(body.toString()) as { messages: { content: string }[] }
    json(response, { choices: [{ message: { content: messages[0]?.content } }] })
  })
  const messages = [{ role: 'user' as const, content: text }]
  const { choices } = await sdk(server).chat.completions.create({ model: 'm', messages })
  expect(choices[0]?.message.content).toBe(text)
})

it('reads server-sent events and may break off early', async () => {
  let closed!: () => void
  const gone = new Promise<void>((resolve) => (closed = resolve))
  const server = await apiServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    let count = 0
    const timer = setInterval(() => {
      const chunk = { choices: [{ delta: { content: `${count++}` } }] }
      response.write(`data: ${JSON.stringify(chunk)}\n\n`)
    }, 1)
    response.on('close', () => {
      clearInterval(timer)
      closed()
    })
  })
  const messages = [{ role: 'user' as const, content: 'count' }]
  const stream = await sdk(server).chat.completions.create({ model: 'm', messages, stream: true })
  const seen: string[] = []
  for await (const chunk of stream) {
    seen.push(chunk.choices[0]?.delta.content ?? '')
    if (seen.length === 3) break
  }
  expect(seen).toEqual(['0', '1', '2'])
  await gone
})

it('aborts', async () => {
  const server = await apiServer(() => undefined)
  const controller = new AbortController()
  const pending = sdk(server).models.list({ signal: controller.signal })
  controller.abort()
  await expect(pending).rejects.toThrow(OpenAI.APIUserAbortError)
})

it('fails when the body is cut short', async () => {
  const server = await apiServer((_, response) => truncated(response))
  await expect(sdk(server).models.list()).rejects.toThrow(Error)
})
