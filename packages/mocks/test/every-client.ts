import { get as httpGet, type IncomingMessage } from 'node:http'
import { get as httpsGet } from 'node:https'
import { Writable } from 'node:stream'
import { createClient } from '@aplomb/http'
import axios from 'axios'
import got from 'got'
import ky from 'ky'
import { Agent, Client, fetch as undiciFetch, interceptors, Pool, request, stream } from 'undici'

/** Fetches a text with one client; rejects as that client does. */
export type Fetcher = (url: string) => Promise<string>

/** Every way in which programs of ours and of others speak HTTP. */
export const everyClient: Record<string, Fetcher> = {
  'built-in fetch': async (url) => await (await fetch(url)).text(),
  'undici fetch': async (url) => await (await undiciFetch(url)).text(),
  'undici request': async (url) => await (await request(url)).body.text(),
  'undici stream': async (url) => {
    const chunks: Buffer[] = []
    await stream(
      url,
      { method: 'GET' },
      () =>
        new Writable({
          write(chunk: Buffer, _encoding, done) {
            chunks.push(chunk)
            done()
          }
        })
    )
    return Buffer.concat(chunks).toString()
  },
  'undici Pool': (url) => through(new Pool(new URL(url).origin), url),
  'undici Client': (url) => through(new Client(new URL(url).origin), url),
  'an own undici Agent': async (url) => {
    const agent = new Agent()
    try {
      return await (await request(url, { dispatcher: agent })).body.text()
    } finally {
      await agent.destroy()
    }
  },
  'a composed undici Agent': async (url) => {
    const agent = new Agent()
    try {
      const dispatcher = agent.compose(interceptors.retry({ maxRetries: 1 }))
      return await (await request(url, { dispatcher })).body.text()
    } finally {
      await agent.destroy()
    }
  },
  'node:http': (url) =>
    new Promise((resolve, reject) => {
      const get = url.startsWith('https:') ? httpsGet : httpGet
      get(url, (response) => resolve(textOf(response))).on('error', reject)
    }),
  axios: async (url) => {
    const { data } = await axios.get<string>(url, { responseType: 'text' })
    return data
  },
  'axios over fetch': async (url) => {
    const { data } = await axios.get<string>(url, { responseType: 'text', adapter: 'fetch' })
    return data
  },
  got: async (url) => (await got(url)).body,
  ky: async (url) => await ky(url, { retry: 0 }).text(),
  '@aplomb/http': async (url) => {
    const client = createClient()
    try {
      return await client.get(url).text()
    } finally {
      await client[Symbol.asyncDispose]()
    }
  }
}

async function through(dispatcher: Pool | Client, url: string): Promise<string> {
  try {
    const { pathname } = new URL(url)
    return await (await dispatcher.request({ path: pathname, method: 'GET' })).body.text()
  } finally {
    await dispatcher.destroy()
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
