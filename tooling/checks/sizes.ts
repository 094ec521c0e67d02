import { isNode, lineOf, nameOf, walk } from './syntax.ts'
import type { Node, Place } from './syntax.ts'
import type { SourceFile, Workspace } from './workspace.ts'

export interface Size {
  readonly name: string
  readonly lines: number
}

export interface Sizes {
  readonly files: readonly Size[]
  readonly functions: readonly Size[]
}

const LONG_FILE = 250
const LONG_FUNCTION = 40

/** How long the files and functions of all sources are, longest first. */
export function measureSizes({ packages }: Workspace): Sizes {
  const sources = packages.flatMap((each) => each.sources)
  const files = sources.map(({ path, text }) => ({
    name: path,
    lines: lineOf(text, text.length) - 1
  }))
  return { files: longestFirst(files), functions: longestFirst(sources.flatMap(functionsOf)) }
}

/** The figures for a reader: a warning, never a failure. */
export function describeSizes({ files, functions }: Sizes): string {
  return [
    describe('files', files, LONG_FILE),
    describe('functions', functions, LONG_FUNCTION)
  ].join('\n')
}

function describe(what: string, sizes: readonly Size[], long: number): string {
  const count = sizes.filter(({ lines }) => lines > long).length
  const head = `${sizes.length} ${what}, median ${median(sizes)} lines, ${count} over ${long}`
  const worst = sizes.slice(0, 10).filter(({ lines }) => lines > long)
  return [head, ...worst.map(({ name, lines }) => `  ${lines} ${name}`)].join('\n')
}

function functionsOf({ path, text, syntax }: SourceFile): Size[] {
  const found: Size[] = []
  walk(syntax.program, (node, place) => {
    if (!/^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type))
      return
    const line = lineOf(text, node.start)
    const lines = lineOf(text, node.end) - line + 1
    found.push({ name: `${path}:${line} ${nameAt(node, place)}`, lines })
  })
  return found
}

function nameAt(node: Node, place: Place | undefined): string {
  const { parent } = place ?? {}
  const named = [node['id'], parent?.['id'], parent?.['key']].find((each) => isNode(each))
  return nameOf(named) ?? '(anonymous)'
}

function longestFirst(sizes: readonly Size[]): Size[] {
  return sizes.toSorted((a, b) => b.lines - a.lines)
}

function median(sizes: readonly Size[]): number {
  return sizes[Math.floor(sizes.length / 2)]?.lines ?? 0
}
