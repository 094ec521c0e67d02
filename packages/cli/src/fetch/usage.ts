import { flags } from './flags.ts'

const EXAMPLES = [
  "aplomb fetch 'https://api.example.com/items/{1..5000}' --rate 100/s --out items.ndjson",
  'aplomb fetch urls.txt --out postgres://localhost/mine --rate 100/s --rate 5000/h --resume'
]

/** The help of `aplomb fetch`. */
export function usage(): string {
  const names = flags.map(
    ({ name, value }) => `  --${name}${value === undefined ? '' : ` ${value}`}`
  )
  const width = Math.max(...names.map((name) => name.length)) + 2
  const list = flags.map(({ help }, index) => `${(names[index] ?? '').padEnd(width)}${help}`)
  return `Usage: aplomb fetch [URL | TEMPLATE | FILE | -]… [options]

Fetches many URLs fast, politely and completely, and stores every answer.
Input is URLs one a line, JSON lines { url, method, headers, body, id }, or a template.

${list.join('\n')}

Ctrl-C stops taking, finishes what is under way and says how to go on.
Exit code: 0 when every URL ended well, 1 when some failed, 2 for bad input, 130 when stopped.

${EXAMPLES.map((example) => `  ${example}`).join('\n')}
`
}
