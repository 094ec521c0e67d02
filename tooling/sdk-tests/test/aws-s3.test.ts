import {
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
  ListBucketsCommand
} from '@aws-sdk/client-s3'
import { createClient } from '@aplomb/http'
import { FetchHttpHandler } from '@smithy/fetch-http-handler'
import { expect, it } from 'vitest'
import { apiServer, truncated, type ApiServer } from './api-server.ts'

const client = createClient({ retry: { backoff: 1 } })

function sdk({ origin }: ApiServer): S3Client {
  return new S3Client({
    region: 'eu-central-1',
    endpoint: origin,
    forcePathStyle: true,
    credentials: { accessKeyId: 'a', secretAccessKey: 's' },
    maxAttempts: 1,
    requestHandler: new FetchHttpHandler({ customFetch: client.fetch })
  })
}

const buckets = `<?xml version="1.0"?><ListAllMyBucketsResult>
<Buckets><Bucket><Name>one</Name></Bucket></Buckets></ListAllMyBucketsResult>`

it('reads XML, and gets retries of a safe request from the client', async () => {
  const server = await apiServer((_, response) => void response.end(buckets))
  server.failNext(503, 'reset')
  const { Buckets } = await sdk(server).send(new ListBucketsCommand({}))
  expect(Buckets?.[0]?.Name).toBe('one')
  expect(server.seen).toHaveLength(3)
})

it('puts and gets megabytes, repeating the put', async () => {
  const content = Buffer.alloc(3_000_000, 'd')
  const server = await apiServer(({ method }, response) => {
    response.end(method === 'GET' ? content : undefined)
  })
  server.failNext(503)
  const Key = 'big'
  await sdk(server).send(new PutObjectCommand({ Bucket: 'b', Key, Body: content }))
  expect(server.seen.map(({ body }) => body.length >= 3_000_000)).toEqual([true, true])
  const { Body } = await sdk(server).send(new GetObjectCommand({ Bucket: 'b', Key }))
  expect((await Body?.transformToByteArray())?.length).toBe(3_000_000)
})

it('aborts', async () => {
  const server = await apiServer(() => undefined)
  const controller = new AbortController()
  const pending = sdk(server).send(new ListBucketsCommand({}), {
    abortSignal: controller.signal
  })
  setImmediate(() => controller.abort())
  await expect(pending).rejects.toThrow(/abort/iu)
})

it('fails when the body is cut short', async () => {
  const server = await apiServer((_, response) => truncated(response))
  const { Body } = await sdk(server).send(new GetObjectCommand({ Bucket: 'b', Key: 'k' }))
  await expect(Body?.transformToByteArray()).rejects.toThrow(Error)
})
