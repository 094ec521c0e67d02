import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { parseItem, urlItem, type Item } from './item.ts'
import { lineBatches } from './lines.ts'
import { parseTemplate, type Template } from './template.ts'

/** Where items come from; it can be read again, and is never held in memory. */
export interface Source extends AsyncDisposable {
  readonly count: number
  /** The items, numbered from `first` (default 0) on. */
  items(first?: number): AsyncIterable<Item> | Iterable<Item>
}

const nothingToDispose = async (): Promise<void> => undefined

/** Opens inputs in their order: files, `-` for standard input, and URLs and templates. */
export async function openSource(
  inputs: readonly string[],
  stdin: AsyncIterable<Uint8Array>,
  issues: string[]
): Promise<Source> {
  const sources: Source[] = []
  for (const input of inputs.length > 0 ? inputs : ['-']) {
    if (input === '-') sources.push(await stdinSource(stdin, issues))
    else if (input.includes('://')) sources.push(argumentSource(input, issues))
    else sources.push(await fileSource(input, input, issues))
  }
  return joinSources(sources)
}

function joinSources(sources: readonly Source[]): Source {
  return {
    count: sources.reduce((sum, source) => sum + source.count, 0),
    async *items(first = 0) {
      for (const source of sources) {
        yield* source.items(first)
        first += source.count
      }
    },
    async [Symbol.asyncDispose]() {
      for (const source of sources) await source[Symbol.asyncDispose]()
    }
  }
}

/** Problems of an input listed one by one; the others are only counted. */
const LISTED_PROBLEMS = 20

/** Items of a URL or template given as an argument. */
export function argumentSource(text: string, issues: string[]): Source {
  const template = parseTemplate(text)
  const { count } = template
  try {
    urlItem(template.url(0), 0)
  } catch (error) {
    issues.push((error as Error).message)
  }
  if (!Number.isSafeInteger(count)) issues.push(`${text} names ${count} URLs, too many to count`)
  return {
    count,
    items: (first = 0) => templateItems(template, first),
    [Symbol.asyncDispose]: nothingToDispose
  }
}

function* templateItems(template: Template, first: number): Generator<Item> {
  for (let position = 0; position < template.count; position++) {
    yield urlItem(template.url(position), first + position)
  }
}

/** Items of a file's lines. The whole file is checked first, so that nothing starts in vain. */
export async function fileSource(path: string, name: string, issues: string[]): Promise<Source> {
  let count = 0
  try {
    count = await checkLines(path, name, issues)
  } catch (error) {
    issues.push(`cannot read ${name}: ${(error as Error).message}`)
  }
  return {
    count,
    items: (first = 0) => fileItems(path, first),
    [Symbol.asyncDispose]: nothingToDispose
  }
}

/** Standard input, kept in a temporary file until the end, so that it too is checked first. */
export async function stdinSource(
  input: AsyncIterable<Uint8Array>,
  issues: string[]
): Promise<Source> {
  const folder = mkdtempSync(join(tmpdir(), 'aplomb-'))
  const path = join(folder, 'input')
  await pipeline(input, createWriteStream(path))
  const source = await fileSource(path, 'standard input', issues)
  return {
    ...source,
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true })
  }
}

async function checkLines(path: string, name: string, issues: string[]): Promise<number> {
  let count = 0
  let line = 0
  let bad = 0
  for await (const lines of lineBatches(createReadStream(path))) {
    for (const text of lines) {
      line++
      if (isBlank(text)) continue
      try {
        parseItem(text.trim(), count++)
      } catch (error) {
        if (++bad <= LISTED_PROBLEMS)
          issues.push(`${name}, line ${line}: ${(error as Error).message}`)
      }
    }
  }
  if (bad > LISTED_PROBLEMS) issues.push(`${name}: ${bad - LISTED_PROBLEMS} more bad lines`)
  if (count === 0) issues.push(`${name}: there is no URL in it`)
  return count
}

async function* fileItems(path: string, first: number): AsyncGenerator<Item> {
  let index = first
  for await (const lines of lineBatches(createReadStream(path))) {
    for (const text of lines) if (!isBlank(text)) yield parseItem(text.trim(), index++)
  }
}

/** Empty lines and comments. */
function isBlank(text: string): boolean {
  const trimmed = text.trim()
  return trimmed === '' || trimmed.startsWith('#')
}
