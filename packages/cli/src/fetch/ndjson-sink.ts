import { createReadStream } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { BatchWriter } from './batch-writer.ts'
import { DoneIndex } from './done-index.ts'
import { fingerprint } from './item.ts'
import { lineBatches } from './lines.ts'
import { rowLine, type Row } from './row.ts'
import type { Sink } from './sink.ts'

const HIGH_WATER_CHARS = 1 << 20
const NEWLINE = 10

/** Opens a file of JSON lines for appending; what it holds already stays. */
export async function ndjsonSink(path: string, keep: boolean): Promise<Sink> {
  const file = await open(path, keep ? 'a' : 'w')
  return fileSink(file, () => file.close())
}

/** Writes JSON lines to a stream that is not ours to close, such as standard output. */
export function streamSink(stream: NodeJS.WritableStream): Sink {
  const write = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      stream.write(text, (error) => (error ? reject(error) : resolve()))
    })
  return fileSink({ appendFile: write }, async () => {})
}

function fileSink(
  file: Pick<FileHandle, 'appendFile'> | { appendFile(text: string): Promise<void> },
  close: () => Promise<void>
): Sink {
  const writer = new BatchWriter<string>(HIGH_WATER_CHARS, (lines) =>
    file.appendFile(lines.join(''))
  )
  return {
    get stored() {
      return writer.stored
    },
    write(row: Row) {
      const line = rowLine(row)
      return writer.add(line, line.length)
    },
    async close() {
      try {
        await writer.end()
      } finally {
        await close()
      }
    }
  }
}

/** What an earlier run has stored in the file. A last line that was cut off is taken out of it. */
export async function resumeNdjson(path: string): Promise<DoneIndex> {
  const done = new DoneIndex()
  const file = await open(path, 'r+')
  try {
    await file.truncate(await endOfLastLine(file))
  } finally {
    await file.close()
  }
  for await (const lines of lineBatches(createReadStream(path))) {
    for (const line of lines) if (line !== '') addRow(done, line, path)
  }
  return done
}

function addRow(done: DoneIndex, line: string, path: string): void {
  let row: Partial<Row>
  try {
    row = JSON.parse(line) as Partial<Row>
  } catch {
    row = {}
  }
  const { index, method, url, id } = row
  if (typeof index !== 'number' || typeof method !== 'string' || typeof url !== 'string') {
    throw new TypeError(`${path} holds lines that aplomb fetch did not write`)
  }
  done.add(index, fingerprint(method, url, id))
}

/** The size of the file up to its last newline, looked for from the end. */
async function endOfLastLine(file: FileHandle): Promise<number> {
  const block = Buffer.alloc(64 * 1024)
  let { size: end } = await file.stat()
  while (end > 0) {
    const start = Math.max(0, end - block.length)
    const { bytesRead } = await file.read(block, 0, end - start, start)
    const newline = block.subarray(0, bytesRead).lastIndexOf(NEWLINE)
    if (newline >= 0) return start + newline + 1
    end = start
  }
  return 0
}
