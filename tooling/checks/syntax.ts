import { parseSync } from 'oxc-parser'

/** Any node of the ESTree that oxc makes; checks look at the fields they know. */
export interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

/** Where a node hangs: the node above it and the field it is in. */
export interface Place {
  readonly parent: Node
  readonly field: string
}

export interface Syntax {
  readonly program: Node
  readonly comments: readonly { readonly start: number; readonly end: number }[]
}

/** Parses TypeScript or JavaScript; a file that does not parse is an error, never skipped. */
export function parse(path: string, text: string): Syntax {
  const { program, comments, errors } = parseSync(path, text)
  const [first] = errors
  if (first !== undefined) throw new Error(`${path} does not parse: ${first.message}`)
  return { program: program as unknown as Node, comments }
}

/** Calls `visit` for the node and everything below it, parents first. */
export function walk(node: Node, visit: (node: Node, place: Place | undefined) => void): void {
  descend(node, undefined, visit)
}

function descend(
  node: Node,
  place: Place | undefined,
  visit: (node: Node, place: Place | undefined) => void
): void {
  visit(node, place)
  for (const [field, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) descend(child, { parent: node, field }, visit)
    }
  }
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'
}

/** The name of an identifier; undefined for anything else. */
export function nameOf(node: unknown): string | undefined {
  return isNode(node) && node.type === 'Identifier' ? String(node['name']) : undefined
}

/** The value of a string literal, also of one marked `as const`; undefined for anything else. */
export function stringOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined
  if (node.type === 'TSAsExpression') return stringOf(node['expression'])
  return node.type === 'Literal' && typeof node['value'] === 'string' ? node['value'] : undefined
}

export function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

/** Every module a file names: static imports and re-exports, types too, and `import('…')`. */
export function importsOf(program: Node): string[] {
  const found: string[] = []
  walk(program, (node) => {
    const named = /^(Import|Export(Named|All))Declaration$|^(Import|TSImportType)/.test(node.type)
    const specifier = named ? (stringOf(node['source']) ?? stringOf(node['argument'])) : undefined
    if (specifier !== undefined) found.push(specifier)
  })
  return found
}
