import { type Node, isNode, nameOf, stringOf, walk } from './syntax.ts'
import type { Package, Workspace } from './workspace.ts'

interface ErrorClass {
  readonly owner: string
  readonly name: string
  readonly abstract: boolean
  readonly base: string | undefined
  readonly code: string | undefined
  readonly kind: string | undefined
}

interface Row {
  readonly code: string
  readonly name: string
  readonly kind: string
}

/**
 * Each README's errors table (code | class | kind | when) against the classes. Every concrete error
 * class of a package has its row; every row names a class that exists, here or in a sibling.
 */
export function checkErrorTables({ packages }: Workspace): string[] {
  const classes = packages.flatMap(classesOf)
  return packages.flatMap((each) => checkTable(each, classes))
}

function checkTable({ name, readme }: Package, classes: readonly ErrorClass[]): string[] {
  const known = classes.flatMap((each) => rowOf(each, classes) ?? [])
  const own = classes.filter(({ owner }) => owner === name)
  const expected = own.flatMap((each) => rowOf(each, classes) ?? [])
  const rows = rowsOf(readme)
  return [
    ...own.flatMap((each) => checkClass(each, classes)),
    ...expected
      .filter((row) => !rows.some((other) => same(row, other)))
      .map((row) => `${name}: README lacks the row ${show(row)}`),
    ...rows
      .filter((row) => !known.some((other) => same(row, other)))
      .map((row) => `${name}: README has the row ${show(row)}, but no class is so`)
  ]
}

function checkClass(each: ErrorClass, classes: readonly ErrorClass[]): string[] {
  if (!isConcreteError(each, classes) || rowOf(each, classes) !== undefined) return []
  return [`${each.owner}: ${each.name} has no literal code or no kind`]
}

/** An heir of the base; or one that cannot be (an AggregateError) and has code and kind itself. */
function isConcreteError(each: ErrorClass, classes: readonly ErrorClass[]): boolean {
  if (each.abstract) return false
  if (each.code?.startsWith('ERR_') && each.kind !== undefined) return true
  return lineage(each, classes).some(({ name }) => name === 'AplombError')
}

function rowOf(each: ErrorClass, classes: readonly ErrorClass[]): Row | undefined {
  if (!isConcreteError(each, classes)) return undefined
  const line = lineage(each, classes)
  const code = line.find((ancestor) => ancestor.code !== undefined)?.code
  const kind = line.find((ancestor) => ancestor.kind !== undefined)?.kind
  return code === undefined || kind === undefined ? undefined : { code, name: each.name, kind }
}

/** The class and those it extends, nearest first. */
function lineage(each: ErrorClass, classes: readonly ErrorClass[]): ErrorClass[] {
  const base = classes.find(({ name }) => name === each.base && name !== each.name)
  return base === undefined ? [each] : [each, ...lineage(base, classes)]
}

function classesOf({ name: owner, sources }: Package): ErrorClass[] {
  const found: ErrorClass[] = []
  for (const { syntax } of sources) {
    walk(syntax.program, (node) => {
      const name = node.type === 'ClassDeclaration' ? nameOf(node['id']) : undefined
      if (name === undefined) return
      const abstract = node['abstract'] === true
      const base = nameOf(node['superClass'])
      found.push({
        owner,
        name,
        abstract,
        base,
        code: field(node, 'code'),
        kind: field(node, 'kind')
      })
    })
  }
  return found
}

/** The literal that a class's field is set to. */
function field(node: Node, name: string): string | undefined {
  const members = isNode(node['body']) ? (node['body']['body'] as Node[]) : []
  const member = members.find(
    (each) => each.type === 'PropertyDefinition' && nameOf(each['key']) === name
  )
  return stringOf(member?.['value'])
}

function rowsOf(readme: string): Row[] {
  return [...readme.matchAll(/^\| *`(ERR_\w+)` *\| *`(\w+)` *\| *`?(\w+)`? *\|/gm)].map(
    ([, code = '', name = '', kind = '']) => ({ code, name, kind })
  )
}

function same(a: Row, b: Row): boolean {
  return a.code === b.code && a.name === b.name && a.kind === b.kind
}

function show({ code, name, kind }: Row): string {
  return `${code} | ${name} | ${kind}`
}
