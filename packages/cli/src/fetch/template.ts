const BRACES = /\{([^{}]*)\}/g
const RANGE = /^(-?\d+)\.\.(-?\d+)(?:\.\.(\d+))?$/

/** One `{…}` of a template: how many words it stands for, and the word at a position. */
interface Part {
  readonly count: number
  word(position: number): string
}

/**
 * A URL template: `{1..5000}`, `{01..12}`, `{0..100..10}` and `{a,b,c}`, as in a shell. Any other
 * braces are left as they are. Words are made when they are asked for, so a template of a billion
 * URLs costs nothing.
 */
export interface Template {
  readonly count: number
  url(position: number): string
}

export function parseTemplate(text: string): Template {
  const literals: string[] = []
  const parts: Part[] = []
  let end = 0
  for (const match of text.matchAll(BRACES)) {
    const part = parsePart(match[1] ?? '')
    if (part === undefined) continue
    literals.push(text.slice(end, match.index))
    parts.push(part)
    end = match.index + match[0].length
  }
  const tail = text.slice(end)
  const count = parts.reduce((product, part) => product * part.count, 1)
  return { count, url: (position) => expand(literals, parts, position) + tail }
}

/** The last part varies fastest, as a shell's does. */
function expand(literals: readonly string[], parts: readonly Part[], position: number): string {
  let url = ''
  let rest = position
  for (let index = parts.length - 1; index >= 0; index--) {
    const part = parts[index] as Part
    url = literals[index] + part.word(rest % part.count) + url
    rest = Math.floor(rest / part.count)
  }
  return url
}

function parsePart(text: string): Part | undefined {
  const range = RANGE.exec(text)
  if (range !== null) return rangePart(range)
  const words = text.split(',')
  if (words.length < 2) return undefined
  return { count: words.length, word: (position) => words[position] as string }
}

function rangePart([, from = '', to = '', by = '1']: RegExpExecArray): Part {
  const [first, last] = [Number(from), Number(to)]
  const step = Math.max(1, Number(by)) * (last < first ? -1 : 1)
  const width = /^-?0\d/.test(from) || /^-?0\d/.test(to) ? Math.max(from.length, to.length) : 0
  return {
    count: Math.floor((last - first) / step) + 1,
    word: (position) => padded(first + position * step, width)
  }
}

function padded(value: number, width: number): string {
  const digits = String(Math.abs(value)).padStart(value < 0 ? width - 1 : width, '0')
  return value < 0 ? `-${digits}` : digits
}
