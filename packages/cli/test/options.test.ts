import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { formatDuration, parseDuration } from '../src/fetch/duration.ts'
import { fetchOptions, type FetchOptions } from '../src/fetch/options.ts'

const folder = mkdtempSync(join(tmpdir(), 'aplomb-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

function parse(...args: string[]): FetchOptions & { issues: string[] } {
  const issues: string[] = []
  return { ...fetchOptions(args, issues), issues }
}

describe('the command line', () => {
  it('has defaults for everything', () => {
    expect(parse('http://h/')).toEqual({
      inputs: ['http://h/'],
      out: { kind: 'stdout' },
      rates: [],
      concurrency: 64,
      timeoutMs: 10_000,
      totalTimeoutMs: Infinity,
      retries: 3,
      headers: {},
      table: 'aplomb_fetch',
      run: 'default',
      resume: false,
      force: false,
      report: undefined,
      log: undefined,
      metrics: undefined,
      quiet: false,
      json: false,
      help: false,
      issues: []
    })
  })

  it('takes values with = or after a space, several rates and headers, and -- for the rest', () => {
    const options = parse(
      '--rate=100/s',
      '--rate',
      '5000/h',
      '--concurrency',
      '8',
      '--timeout=500ms',
      '--header',
      'Authorization: Bearer a=b',
      '--header=X-A:1',
      '--out',
      'o.ndjson',
      '--resume',
      '--',
      '--odd-file'
    )
    expect(options).toMatchObject({
      rates: ['100/s', '5000/h'],
      concurrency: 8,
      timeoutMs: 500,
      headers: { authorization: 'Bearer a=b', 'x-a': '1' },
      out: { kind: 'file', path: 'o.ndjson' },
      resume: true,
      inputs: ['--odd-file'],
      issues: []
    })
  })

  it.each([
    ['-', { kind: 'stdout' }],
    ['embedded', { kind: 'embedded' }],
    ['postgres://u@h/d', { kind: 'postgres', url: 'postgres://u@h/d' }],
    ['postgresql://u@h/d', { kind: 'postgres', url: 'postgresql://u@h/d' }],
    ['./a.ndjson', { kind: 'file', path: './a.ndjson' }]
  ])('--out %s', (text, out) => {
    expect(parse('--out', text).out).toEqual(out)
  })

  it('lists every problem', () => {
    const { issues } = parse(
      '--concurency',
      '--timeout',
      'soon',
      '--retries',
      '-1',
      '--header',
      'nonsense',
      '--quiet=yes',
      '--run',
      'a',
      '--run',
      'b',
      '--resume',
      '--force',
      '--rate'
    )
    expect(issues).toEqual([
      '--concurency: unknown option, did you mean --concurrency?',
      '--quiet: takes no value',
      '--run: given twice',
      '--rate: needs a value (RATE)',
      '--timeout: must be a time such as 500ms, 10s or 2m, not "soon"',
      '--retries: must be a whole number, 0 or more, not "-1"',
      '--header: must be "NAME: VALUE"',
      '--resume and --force exclude each other',
      '--resume needs an output that stays: --out FILE.ndjson, postgres://… or embedded'
    ])
  })

  it('refuses a header that would smuggle another', () => {
    expect(parse('--header', 'a: b\r\nc: d').issues).toEqual(['--header: must be "NAME: VALUE"'])
  })
})

describe('the config file', () => {
  function config(value: unknown): string {
    const path = join(folder, `${Math.random()}.json`)
    writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value))
    return path
  }

  it('takes the same options, and the command line wins', () => {
    const path = config({
      rate: ['10/s', '100/min'],
      totalTimeout: '3m',
      concurrency: 4,
      header: { 'x-key': 'v' },
      quiet: true
    })
    expect(parse('--config', path, '--concurrency', '9')).toMatchObject({
      rates: ['10/s', '100/min'],
      totalTimeoutMs: 180_000,
      concurrency: 9,
      headers: { 'x-key': 'v' },
      quiet: true,
      issues: []
    })
  })

  it('says what is wrong with it', () => {
    expect(parse('--config', config({ outt: 'x', quiet: 'yes' })).issues).toEqual([
      'outt (in the config file): unknown option, did you mean --out?',
      '--quiet: must be true or false, not "yes"'
    ])
    expect(parse('--config', config('{')).issues[0]).toMatch(/^--config: cannot read /)
    expect(parse('--config', config([1])).issues[0]).toBe('the config file must hold a JSON object')
    expect(parse('--config', join(folder, 'none')).issues[0]).toMatch(/ENOENT/)
  })
})

it.each([
  ['500ms', 500],
  ['10s', 10_000],
  ['1.5s', 1500],
  ['2m', 120_000],
  ['1h', 3_600_000],
  ['250', 250],
  ['10 parsecs', undefined],
  ['', undefined],
  ['-5s', undefined]
])('reads %s as a time', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
})

it.each([
  [12.4, '12 ms'],
  [8300, '8.3 s'],
  [125_000, '2 min 5 s'],
  [3_780_000, '1 h 3 min']
])('writes %d ms as %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})
