import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { BatchWriter } from '../src/fetch/batch-writer.ts'
import { fingerprint, urlItem } from '../src/fetch/item.ts'
import { ndjsonSink, resumeNdjson } from '../src/fetch/ndjson-sink.ts'
import { rowLine, rowOf, textOrBase64, type Row } from '../src/fetch/row.ts'

const folder = mkdtempSync(join(tmpdir(), 'aplomb-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

function row(index: number, body = '{"a": 1}', type = 'application/json'): Row {
  const answer = {
    ok: true,
    status: 200,
    headers: { 'content-type': type },
    ...textOrBase64(Buffer.from(body))
  }
  return rowOf(urlItem(`http://h/${index}`, index), answer, 1, 1.234)
}

describe('a row', () => {
  it('is one line, a JSON body stands in it as JSON', () => {
    expect(JSON.parse(rowLine(row(3, '{\n"a":\n1}')))).toEqual({
      index: 3,
      method: 'GET',
      url: 'http://h/3',
      ok: true,
      status: 200,
      attempts: 1,
      durationMs: 1.23,
      headers: { 'content-type': 'application/json' },
      body: { a: 1 }
    })
    expect(rowLine(row(3, '{\n"a":\n1}')).indexOf('\n')).toBe(
      rowLine(row(3, '{\n"a":\n1}')).length - 1
    )
  })

  it('keeps what only claims to be JSON as text, and what is no text as base64', () => {
    expect(JSON.parse(rowLine(row(1, '{oops')))).toMatchObject({ body: '{oops' })
    expect(textOrBase64(Uint8Array.of(0xff, 0x00, 0xfe))).toEqual({
      body: '/wD+',
      bodyEncoding: 'base64'
    })
    expect(textOrBase64(Buffer.from('a\0b'))).toEqual({ body: 'YQBi', bodyEncoding: 'base64' })
  })
})

describe('the NDJSON file', () => {
  it('has every row once it is closed, and is resumed from any cut', async () => {
    const path = join(folder, 'out.ndjson')
    const sink = await ndjsonSink(path, false)
    for (let index = 0; index < 500; index++) await sink.write(row(index))
    await sink.close()
    expect(sink.stored).toBe(500)
    const whole = readFileSync(path)
    for (const cut of [whole.length, whole.length - 1, 1000, 10, 0]) {
      writeFileSync(path, whole.subarray(0, cut))
      const done = await resumeNdjson(path)
      const kept = readFileSync(path, 'utf8')
      expect(done.count).toBe(kept.split('\n').length - 1)
      expect(kept === '' || kept.endsWith('\n')).toBe(true)
      expect(done.look(0, fingerprint('GET', 'http://h/0', undefined))).toBe(
        cut > 10 ? 'done' : 'open'
      )
    }
  })

  it('is searched from the end for a cut line longer than a block', async () => {
    const path = join(folder, 'long.ndjson')
    writeFileSync(path, rowLine(row(0)))
    appendFileSync(path, `{"index":1,"body":"${'x'.repeat(300_000)}`)
    expect((await resumeNdjson(path)).count).toBe(1)
    expect(readFileSync(path, 'utf8')).toBe(rowLine(row(0)))
  })

  it('notices rows of another input, and files that are not ours', async () => {
    const path = join(folder, 'other.ndjson')
    writeFileSync(path, rowLine(row(0)))
    const done = await resumeNdjson(path)
    expect(done.look(0, fingerprint('GET', 'http://other/', undefined))).toBe('other')
    expect(done.look(7, 1)).toBe('open')
    writeFileSync(path, 'dear diary\n')
    await expect(resumeNdjson(path)).rejects.toThrow('holds lines that aplomb fetch did not write')
  })
})

describe('the batch writer', () => {
  it('stores one batch at a time, in order, and asks to wait above the high water mark', async () => {
    const batches: (readonly number[])[] = []
    const gates: (() => void)[] = []
    const writer = new BatchWriter<number>(3, async (batch) => {
      batches.push(batch)
      await new Promise<void>((resolve) => gates.push(resolve))
    })
    expect(writer.add(1, 1)).toBeUndefined()
    expect(writer.add(2, 1)).toBeUndefined()
    await Promise.resolve()
    expect(writer.add(3, 2)).toBeUndefined()
    const full = writer.add(4, 1)
    expect(full).toBeInstanceOf(Promise)
    expect(writer.stored).toBe(0)
    gates.shift()?.()
    await new Promise(setImmediate)
    expect([writer.stored, batches]).toEqual([
      2,
      [
        [1, 2],
        [3, 4]
      ]
    ])
    gates.shift()?.()
    await writer.end()
    expect(writer.stored).toBe(4)
  })

  it('fails every later call once a batch has failed, and loses no error', async () => {
    const writer = new BatchWriter<number>(1, () => Promise.reject(new Error('disk full')))
    await expect(writer.add(1, 1)).rejects.toThrow('disk full')
    await expect(writer.add(2, 1)).rejects.toThrow('disk full')
    await expect(writer.end()).rejects.toThrow('disk full')
    expect(writer.stored).toBe(0)
  })

  it('a failure that nobody waited for surfaces at the end, not as an unhandled rejection', async () => {
    const writer = new BatchWriter<number>(10, () => Promise.reject(new Error('disk full')))
    expect(writer.add(1, 1)).toBeUndefined()
    await new Promise(setImmediate)
    await expect(writer.end()).rejects.toThrow('disk full')
  })
})
