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
  items(): AsyncIterable<Item> | Iterable<Item>
}

/** Problems of an input listed one by one; the others are only counted. */
const LISTED_PROBLEMS = 20

/** Items of URLs and templates given as arguments. */
export function argumentSource(texts: readonly string[], issues: string[]): Source {
  const templates = texts.map(parseTemplate)
  for (const template of templates) {
    try {
      urlItem(template.url(0), 0)
    } catch (error) {
      issues.push((error as Error).message)
    }
  }
  const count = templates.reduce((sum, template) => sum + template.count, 0)
  if (!Number.isSafeInteger(count))
    issues.push(`the templates name ${count} URLs, too many to count`)
  return { count, items: () => templateItems(templates), [Symbol.asyncDispose]: async () => {} }
}

function* templateItems(templates: readonly Template[]): Generator<Item> {
  let index = 0
  for (const template of templates) {
    for (let position = 0; position < template.count; position++) {
      yield urlItem(template.url(position), index++)
    }
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
  return { count, items: () => fileItems(path), [Symbol.asyncDispose]: async () => {} }
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
    count: source.count,
    items: () => source.items(),
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

async function* fileItems(path: string): AsyncGenerator<Item> {
  let index = 0
  for await (const lines of lineBatches(createReadStream(path))) {
    for (const text of lines) if (!isBlank(text)) yield parseItem(text.trim(), index++)
  }
}

/** Empty lines and comments. */
function isBlank(text: string): boolean {
  const trimmed = text.trim()
  return trimmed === '' || trimmed.startsWith('#')
}
