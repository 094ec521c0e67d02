import { existsSync, readFileSync } from 'node:fs'
import { parseDuration } from './duration.ts'
import { parseArguments, readConfig, type RawOptions } from './flags.ts'

/** Where the answers go. */
export type Output =
  | { readonly kind: 'stdout' }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'postgres'; readonly url: string }
  | { readonly kind: 'embedded' }

/** What one run of `aplomb fetch` was asked to do, checked and complete. */
export interface FetchOptions {
  /** URLs, templates and files; empty for standard input. */
  readonly inputs: readonly string[]
  readonly out: Output
  readonly rates: readonly string[]
  readonly concurrency: number
  readonly timeoutMs: number
  readonly totalTimeoutMs: number
  readonly retries: number
  readonly headers: Readonly<Record<string, string>>
  readonly table: string
  readonly run: string
  readonly resume: boolean
  readonly force: boolean
  readonly report: string | undefined
  readonly log: string | undefined
  readonly metrics: string | undefined
  readonly quiet: boolean
  readonly json: boolean
  readonly help: boolean
}

const DEFAULT_CONFIG = 'aplomb.json'

/** Makes the options of the command line and a config file; every problem becomes an issue. */
export function fetchOptions(args: readonly string[], issues: string[]): FetchOptions {
  const given = parseArguments(args, issues)
  const configPath = given.values.get('config')?.at(-1) as string | undefined
  const config = loadConfig(configPath, issues)
  const read = new Reader([given, config], issues)
  const options = {
    inputs: [...read.texts('input'), ...given.positionals],
    out: parseOutput(read.text('out', '-')),
    rates: read.texts('rate'),
    concurrency: read.count('concurrency', 64, 1),
    timeoutMs: read.duration('timeout', 10_000),
    totalTimeoutMs: read.duration('total-timeout', Number.POSITIVE_INFINITY),
    retries: read.count('retries', 3, 0),
    headers: read.headers('header'),
    table: read.text('table', 'aplomb_fetch'),
    run: read.text('run', 'default'),
    resume: read.flag('resume'),
    force: read.flag('force'),
    report: read.optionalText('report'),
    log: read.optionalText('log'),
    metrics: read.optionalText('metrics'),
    quiet: read.flag('quiet'),
    json: read.flag('json'),
    help: read.flag('help')
  }
  checkTogether(options, issues)
  return options
}

function checkTogether(options: FetchOptions, issues: string[]): void {
  if (options.resume && options.force) issues.push('--resume and --force exclude each other')
  if (options.resume && options.out.kind === 'stdout') {
    issues.push('--resume needs an output that stays: --out FILE.ndjson, postgres://… or embedded')
  }
  if (options.timeoutMs > options.totalTimeoutMs) {
    issues.push('--timeout: one attempt cannot take longer than --total-timeout')
  }
  if (options.json && options.out.kind === 'stdout') {
    issues.push('--json and --out - both write to standard output')
  }
}

function loadConfig(path: string | undefined, issues: string[]): RawOptions {
  const file = path ?? DEFAULT_CONFIG
  const none: RawOptions = { values: new Map(), positionals: [] }
  if (path === undefined && !existsSync(file)) return none
  try {
    return readConfig(JSON.parse(readFileSync(file, 'utf8')), issues)
  } catch (error) {
    issues.push(`--config: cannot read ${file}: ${(error as Error).message}`)
    return none
  }
}

function parseOutput(text: string): Output {
  if (text === '-') return { kind: 'stdout' }
  if (text === 'embedded') return { kind: 'embedded' }
  if (/^postgres(?:ql)?:/.test(text)) return { kind: 'postgres', url: text }
  return { kind: 'file', path: text }
}

/** Takes values from the first of several sources that has them, and notes what is wrong. */
class Reader {
  private readonly sources: readonly RawOptions[]
  private readonly issues: string[]

  constructor(sources: readonly RawOptions[], issues: string[]) {
    this.sources = sources
    this.issues = issues
  }

  text(name: string, fallback: string): string {
    return this.optionalText(name) ?? fallback
  }

  optionalText(name: string): string | undefined {
    return this.texts(name).at(-1)
  }

  texts(name: string): string[] {
    return this.values(name)
      .filter((value) => {
        if (typeof value === 'string' || typeof value === 'number') return true
        this.issues.push(`--${name}: must be text, not ${JSON.stringify(value)}`)
        return false
      })
      .map(String)
  }

  flag(name: string): boolean {
    const value = this.values(name).at(-1) ?? false
    if (typeof value === 'boolean') return value
    this.issues.push(`--${name}: must be true or false, not ${JSON.stringify(value)}`)
    return false
  }

  count(name: string, fallback: number, min: number): number {
    const text = this.optionalText(name)
    if (text === undefined) return fallback
    const value = Number(text)
    if (text.trim() !== '' && Number.isSafeInteger(value) && value >= min) return value
    this.issues.push(`--${name}: must be a whole number, ${min} or more, not "${text}"`)
    return fallback
  }

  duration(name: string, fallback: number): number {
    const text = this.optionalText(name)
    if (text === undefined) return fallback
    const value = parseDuration(text)
    if (value !== undefined && value > 0) return value
    this.issues.push(`--${name}: must be a time such as 500ms, 10s or 2m, not "${text}"`)
    return fallback
  }

  headers(name: string): Record<string, string> {
    const headers: Record<string, string> = {}
    for (const text of this.texts(name)) {
      const [, key, value] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([^\r\n\0]*)$/.exec(text) ?? []
      if (key === undefined) this.issues.push(`--${name}: must be "NAME: VALUE"`)
      else headers[key.toLowerCase()] = value ?? ''
    }
    return headers
  }

  private values(name: string): readonly unknown[] {
    for (const { values } of this.sources) {
      const found = values.get(name)
      if (found !== undefined) return found
    }
    return []
  }
}
