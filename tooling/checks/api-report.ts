import { readFileSync, existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Node, isNode, nameOf, parse, stringOf, walk } from './syntax.ts'
import type { Package } from './workspace.ts'

/** A built declaration file, with what it takes from and gives to its neighbours. */
interface Declarations {
  readonly path: string
  readonly text: string
  readonly comments: readonly { readonly start: number; readonly end: number }[]
  /** Statements by the name they declare; overloads have several. */
  readonly declared: Map<string, Node[]>
  /** Local name → where a relative import takes it from. */
  readonly imported: Map<string, { readonly from: string; readonly name: string }>
  /** Exported name → local name. */
  readonly exported: Map<string, string>
}

/**
 * The public signatures of a built package as one stable text: for each entry point its exported
 * declarations by name, then the declarations those lean on. Comments are left out, so that only a
 * change of the API is a change of the report.
 */
export function apiReport({ folder, manifest }: Package): string {
  const files = new Map<string, Declarations>()
  const entries = Object.entries(manifest.publishConfig?.exports ?? {}).filter(([, path]) =>
    path.endsWith('.js')
  )
  const parts = entries.map(([entry, path]) => {
    const file = join(folder, path.replace(/\.js$/, '.d.ts'))
    const title = join(manifest.name, entry)
    return `## ${title}\n\n\`\`\`ts\n${signatures(file, files).join('\n')}\n\`\`\`\n`
  })
  const head = `# API of ${manifest.name}\n\nWritten by \`pnpm api\`; a test compares it with the build.\n`
  return [head, ...parts].join('\n')
}

function signatures(entry: string, files: Map<string, Declarations>): string[] {
  const { exported } = load(entry, files)
  const names = [...exported].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const seen = new Set<string>()
  const lines: string[] = []
  const inner: string[] = []
  for (const [name, local] of names) lines.push(...declare(name, entry, local))
  return inner.length === 0 ? lines : [...lines, '', '// Not exported:', ...inner.toSorted()]

  function declare(name: string, path: string, local: string): string[] {
    const file = load(path, files)
    const source = file.imported.get(local)
    if (source !== undefined) {
      const target = load(source.from, files).exported.get(source.name) ?? source.name
      return declare(name, source.from, target)
    }
    if (seen.has(`${path}#${local}`)) return []
    seen.add(`${path}#${local}`)
    const statements = file.declared.get(local)
    if (statements === undefined) return [`export { ${name} }`]
    const alias = name === local ? [] : [`// ${local} is exported as ${name}`]
    const texts = statements.map((statement) => textOf(file, statement))
    for (const statement of statements) lean(path, statement)
    return [...alias, ...texts]
  }

  function lean(path: string, statement: Node): void {
    const file = load(path, files)
    walk(statement, (node) => {
      const local = nameOf(node)
      if (local === undefined || isExported(path, local)) return
      if (file.declared.has(local) || file.imported.has(local))
        inner.push(...declare(local, path, local))
    })
  }

  function isExported(path: string, local: string): boolean {
    const target = origin(path, local)
    return names.some(([, name]) => origin(entry, name) === target)
  }

  function origin(path: string, local: string): string {
    const source = load(path, files).imported.get(local)
    if (source === undefined) return `${path}#${local}`
    return origin(source.from, load(source.from, files).exported.get(source.name) ?? source.name)
  }
}

function load(path: string, files: Map<string, Declarations>): Declarations {
  const known = files.get(path)
  if (known !== undefined) return known
  if (!existsSync(path)) throw new Error(`${path} is not there: run \`pnpm build\``)
  const text = readFileSync(path, 'utf8')
  const { program, comments } = parse(path, text)
  const file: Declarations = {
    path,
    text,
    comments,
    declared: new Map(),
    imported: new Map(),
    exported: new Map()
  }
  for (const statement of program['body'] as Node[]) record(file, statement)
  files.set(path, file)
  return file
}

function record(file: Declarations, statement: Node): void {
  const specifiers = (statement['specifiers'] ?? []) as Node[]
  const source = stringOf(statement['source'])
  if (statement.type === 'ImportDeclaration') {
    if (source?.startsWith('.')) recordImports(file, specifiers, source)
    return
  }
  if (statement.type === 'ExportNamedDeclaration') {
    if (source?.startsWith('.')) recordImports(file, specifiers, source)
    for (const each of specifiers) {
      file.exported.set(nameOf(each['exported']) ?? 'default', nameOf(each['local']) ?? 'default')
    }
  }
  const exportedOne = isNode(statement['declaration']) ? statement['declaration'] : undefined
  for (const name of declaredNames(exportedOne ?? statement)) {
    file.declared.set(name, [...(file.declared.get(name) ?? []), exportedOne ?? statement])
    if (exportedOne !== undefined) file.exported.set(name, name)
  }
}

function recordImports(file: Declarations, specifiers: readonly Node[], source: string): void {
  const from = join(dirname(file.path), source.replace(/\.js$/, '.d.ts'))
  for (const each of specifiers) {
    const name = nameOf(each['imported']) ?? nameOf(each['local']) ?? ''
    file.imported.set(nameOf(each['local']) ?? '', { from, name })
  }
}

function declaredNames(statement: Node): string[] {
  const declarations = (statement['declarations'] ?? [statement]) as Node[]
  return declarations.flatMap((each) => nameOf(each['id']) ?? [])
}

/** The statement's text without comments, private members and the bundler's `declare`. */
function textOf({ text, comments }: Declarations, { start, end }: Node): string {
  const inside = comments.filter((comment) => comment.start >= start && comment.end <= end)
  let result = text.slice(start, end)
  for (const comment of inside.toReversed()) {
    result = result.slice(0, comment.start - start) + result.slice(comment.end - start)
  }
  return result
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('  private '))
    .map((line) => line.trimEnd())
    .join('\n')
    .replace(/^declare /, '')
}
