import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { fingerprint, type Item } from '../src/fetch/item.ts'
import { fileSource, openSource, stdinSource, type Source } from '../src/fetch/source.ts'

const folder = mkdtempSync(join(tmpdir(), 'aplomb-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function all(source: Source): Promise<Item[]> {
  const items: Item[] = []
  for await (const item of source.items()) items.push(item)
  return items
}

async function fromFile(text: string): Promise<{ source: Source; issues: string[] }> {
  const path = join(folder, 'input')
  writeFileSync(path, text)
  const issues: string[] = []
  return { source: await fileSource(path, 'input', issues), issues }
}

async function* none(): AsyncGenerator<Uint8Array> {}

describe('a file', () => {
  it('holds URLs and JSON lines, comments and empty lines', async () => {
    const { source, issues } = await fromFile(
      'http://h/1\r\n\n# a comment\n' +
        '{"url":"http://h/2","method":"post","headers":{"x":"1"},"body":"text","id":7}\n' +
        '{"url":"http://h/3","method":"PUT","body":{"a":[1]}}'
    )
    expect(issues).toEqual([])
    expect(source.count).toBe(3)
    expect(await all(source)).toEqual([
      {
        index: 0,
        id: undefined,
        method: 'GET',
        url: 'http://h/1',
        headers: undefined,
        body: undefined
      },
      { index: 1, id: '7', method: 'POST', url: 'http://h/2', headers: { x: '1' }, body: 'text' },
      {
        index: 2,
        id: undefined,
        method: 'PUT',
        url: 'http://h/3',
        headers: { 'content-type': 'application/json' },
        body: '{"a":[1]}'
      }
    ])
    expect((await all(source)).length).toBe(3)
  })

  it('is checked whole before anything starts, every bad line listed with its number', async () => {
    const { issues } = await fromFile(
      [
        'http://h/1',
        'nonsense',
        'ftp://h/2',
        '{"url":',
        '{"uri":"http://h"}',
        '{"url":7}',
        '{"url":"http://h","method":"GET /"}',
        '{"url":"http://h","headers":["a"]}'
      ].join('\n')
    )
    expect(issues).toEqual([
      'input, line 2: not a URL: nonsense',
      'input, line 3: neither http nor https: ftp://h/2',
      expect.stringMatching(/^input, line 4: not a line of JSON \(/),
      'input, line 5: unknown key "uri" (url, method, headers, body, id)',
      'input, line 6: "url" must be a string',
      'input, line 7: "method" must be a word, not "GET /"',
      'input, line 8: "headers" must be an object of strings'
    ])
  })

  it('with thousands of bad lines lists some and counts the rest', async () => {
    const { issues } = await fromFile('bad\n'.repeat(5000))
    expect(issues).toHaveLength(21)
    expect(issues.at(-1)).toBe('input: 4980 more bad lines')
  })

  it('that is empty, or not there, is a problem', async () => {
    expect((await fromFile('\n# none\n')).issues).toEqual(['input: there is no URL in it'])
    const issues: string[] = []
    await fileSource(join(folder, 'nowhere'), 'nowhere', issues)
    expect(issues[0]).toMatch(/^cannot read nowhere: ENOENT/)
  })

  it('keeps characters whole that a chunk cuts in two', async () => {
    const { source } = await fromFile(`http://h/${'ä'.repeat(200_000)}\nhttp://h/2\n`)
    const [first, second] = await all(source)
    expect(first?.url).toBe(`http://h/${'ä'.repeat(200_000)}`)
    expect(second?.url).toBe('http://h/2')
  })
})

it('standard input is kept in a file until the end, and checked like one', async () => {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('http://h/1\nhttp')
    yield Buffer.from('://h/2\nbad\n')
  }
  const issues: string[] = []
  await using source = await stdinSource(chunks(), issues)
  expect(source.count).toBe(3)
  expect(issues).toEqual(['standard input, line 3: not a URL: bad'])
})

it('inputs follow each other, numbered through', async () => {
  const path = join(folder, 'more')
  writeFileSync(path, 'http://f/1\nhttp://f/2\n')
  const issues: string[] = []
  await using source = await openSource(['http://h/{1..2}', path, 'http://i/'], none(), issues)
  expect(issues).toEqual([])
  expect(source.count).toBe(5)
  expect((await all(source)).map(({ index, url }) => [index, url])).toEqual([
    [0, 'http://h/1'],
    [1, 'http://h/2'],
    [2, 'http://f/1'],
    [3, 'http://f/2'],
    [4, 'http://i/']
  ])
})

it('bad inputs are all listed', async () => {
  const issues: string[] = []
  await openSource(
    ['ftp://h/{1..2}', 'nowhere', '-', 'http://h/{0..9}{0..9999999999999999}'],
    none(),
    issues
  )
  expect(issues).toEqual([
    'neither http nor https: ftp://h/1',
    expect.stringMatching(/^cannot read nowhere: ENOENT/),
    'standard input: there is no URL in it',
    expect.stringMatching(/too many to count$/)
  ])
})

it('a fingerprint tells requests apart and is never 0', () => {
  const seen = new Set<number>()
  for (let index = 0; index < 20_000; index++)
    seen.add(fingerprint('GET', `http://h/${index}`, undefined))
  seen.add(fingerprint('PUT', 'http://h/1', undefined))
  seen.add(fingerprint('GET', 'http://h/1', 'id'))
  expect(seen.size).toBeGreaterThanOrEqual(20_000)
  expect(seen.has(0)).toBe(false)
})
