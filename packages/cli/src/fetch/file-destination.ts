import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { occupied, type Destination, type OpenDestination } from './destination.ts'
import { ndjsonSink, resumeNdjson, streamSink } from './ndjson-sink.ts'
import type { FetchOptions } from './options.ts'

/** A file of JSON lines. */
export function fileDestination(
  path: string,
  { resume, force }: Pick<FetchOptions, 'resume' | 'force'>
): Destination {
  return {
    name: path,
    async check(issues) {
      const size = await sizeOf(path)
      try {
        if (size === undefined) await access(dirname(path), constants.W_OK)
        else await access(path, constants.R_OK | constants.W_OK)
      } catch (error) {
        issues.push(`--out: cannot write ${path}: ${(error as Error).message}`)
        return
      }
      if (size === 'not a file') issues.push(`--out: ${path} is not a file`)
      else if (size !== undefined && size > 0 && !resume && !force) {
        issues.push(`--out: ${occupied(path, `${size} bytes`)}`)
      }
    },
    async open(): Promise<OpenDestination> {
      const exists = (await sizeOf(path)) !== undefined
      const done = resume && exists ? await resumeNdjson(path) : undefined
      return { sink: await ndjsonSink(path, resume), done }
    },
    async [Symbol.asyncDispose]() {}
  }
}

/** Standard output. */
export function stdoutDestination(stream: NodeJS.WritableStream): Destination {
  return {
    name: 'standard output',
    async check() {},
    open: async () => ({ sink: streamSink(stream), done: undefined }),
    async [Symbol.asyncDispose]() {}
  }
}

async function sizeOf(path: string): Promise<number | 'not a file' | undefined> {
  try {
    const found = await stat(path)
    return found.isDirectory() ? 'not a file' : found.size
  } catch {
    return undefined
  }
}
