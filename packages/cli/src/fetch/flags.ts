import { closestTo } from '@aplomb/kernel'

/** One option of `aplomb fetch`, on the command line and, by the same name, in a config file. */
export interface Flag {
  readonly name: string
  /** What stands for the value in the help; absent for a switch. */
  readonly value?: string
  readonly many?: boolean
  readonly help: string
}

/** Every option, in the order of the help. */
export const flags: readonly Flag[] = [
  {
    name: 'input',
    value: 'FILE',
    help: 'URLs, or JSON lines { url, method, headers, body, id }; - for standard input'
  },
  { name: 'out', value: 'WHERE', help: 'FILE.ndjson, postgres://…, embedded, or - (default: -)' },
  {
    name: 'rate',
    value: 'RATE',
    many: true,
    help: 'per origin: 100/s, 5000/h …; several are kept at once'
  },
  { name: 'concurrency', value: 'N', help: 'requests in flight at most (default: 64)' },
  { name: 'timeout', value: 'TIME', help: 'for one attempt: 10s, 500ms … (default: 10s)' },
  {
    name: 'total-timeout',
    value: 'TIME',
    help: 'for one URL, all attempts and waits included (default: none)'
  },
  { name: 'retries', value: 'N', help: 'for one URL, after the first attempt (default: 3)' },
  { name: 'header', value: "'NAME: VALUE'", many: true, help: 'sent with every request' },
  {
    name: 'table',
    value: 'NAME',
    help: 'the table that a database gets the answers in (default: aplomb_fetch)'
  },
  { name: 'run', value: 'NAME', help: 'tells runs in one table apart (default: default)' },
  { name: 'resume', help: 'go on where an earlier run into the same output stopped' },
  { name: 'force', help: 'start over: what an earlier run stored there is dropped' },
  { name: 'report', value: 'FILE', help: 'write the summary as JSON' },
  {
    name: 'log',
    value: 'FILE',
    help: 'write retries, refusals and breaker changes as JSON lines'
  },
  {
    name: 'metrics',
    value: 'FILE',
    help: "write all metrics in Prometheus' text format at the end"
  },
  {
    name: 'config',
    value: 'FILE',
    help: 'JSON with any of these options (default: aplomb.json, where there is one)'
  },
  { name: 'quiet', help: 'no progress and no summary' },
  { name: 'json', help: 'the summary as JSON on standard output' },
  { name: 'help', help: 'show this' }
]

/** Values by option name; always lists, so that the command line can add to a config file. */
export interface RawOptions {
  readonly values: ReadonlyMap<string, readonly unknown[]>
  readonly positionals: readonly string[]
}

/** Reads the command line; every unknown option and missing value becomes an issue. */
export function parseArguments(args: readonly string[], issues: string[]): RawOptions {
  const values = new Map<string, unknown[]>()
  const positionals: string[] = []
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] as string
    if (argument === '--') {
      positionals.push(...args.slice(index + 1))
      break
    }
    if (!argument.startsWith('--')) {
      positionals.push(argument === '-h' ? '--help' : argument)
      continue
    }
    const [, name = '', inline] = /^--([^=]*)(?:=(.*))?$/s.exec(argument) ?? []
    const flag = findFlag(name, `--${name}`, issues)
    const takesNext = flag?.value !== undefined && inline === undefined
    const next = takesNext ? args[++index] : inline
    if (flag !== undefined) addValue(values, flag, next, issues)
  }
  return { values, positionals }
}

/** Reads a config file's object in the same way. */
export function readConfig(config: unknown, issues: string[]): RawOptions {
  const values = new Map<string, unknown[]>()
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    issues.push('the config file must hold a JSON object')
    return { values, positionals: [] }
  }
  for (const [key, value] of Object.entries(config)) {
    const name = key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    const flag = findFlag(name, `${key} (in the config file)`, issues)
    if (flag !== undefined) values.set(name, configValues(flag, value))
  }
  return { values, positionals: [] }
}

function configValues(flag: Flag, value: unknown): unknown[] {
  if (Array.isArray(value)) return value
  if (flag.name === 'header' && typeof value === 'object' && value !== null) {
    return Object.entries(value).map(([name, text]) => `${name}: ${String(text)}`)
  }
  return [value]
}

function findFlag(name: string, shown: string, issues: string[]): Flag | undefined {
  const flag = flags.find((flag) => flag.name === name)
  if (flag !== undefined) return flag
  const close = closestTo(
    name,
    flags.map((flag) => flag.name)
  )
  issues.push(`${shown}: unknown option${close === undefined ? '' : `, did you mean --${close}?`}`)
  return undefined
}

function addValue(
  values: Map<string, unknown[]>,
  flag: Flag,
  text: string | undefined,
  issues: string[]
): void {
  if (flag.value === undefined) {
    if (text !== undefined) issues.push(`--${flag.name}: takes no value`)
    values.set(flag.name, [true])
  } else if (text === undefined) issues.push(`--${flag.name}: needs a value (${flag.value})`)
  else if (flag.many === true) values.set(flag.name, [...(values.get(flag.name) ?? []), text])
  else if (values.has(flag.name)) issues.push(`--${flag.name}: given twice`)
  else values.set(flag.name, [text])
}
