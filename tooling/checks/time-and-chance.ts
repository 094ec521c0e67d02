import { type Node, type Place, importsOf, isNode, lineOf, nameOf, walk } from './syntax.ts'
import type { SourceFile, Workspace } from './workspace.ts'

/** A file that may touch real time or chance, what it may touch, and why. */
export interface Exemption {
  readonly file: string
  readonly names: readonly string[]
  readonly reason: string
}

const GLOBALS = new Set([
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'clearImmediate',
  'performance'
])

const RANDOM = ['randomUUID', 'getRandomValues', 'randomBytes', 'randomInt']

const MEMBERS = new Map<string, readonly string[]>([
  ['Date', ['now']],
  ['Math', ['random']],
  ['AbortSignal', ['timeout', 'any']],
  ['process', ['hrtime', 'uptime']],
  ['crypto', RANDOM],
  ['globalThis', [...GLOBALS]]
])

const MODULES = new Set(['node:timers', 'node:timers/promises', 'node:perf_hooks'])

/** Every use of real time or chance that no exemption covers, and every exemption without a use. */
export function checkTimeAndChance(
  { packages }: Workspace,
  exemptions: readonly Exemption[]
): string[] {
  const unused = new Set(exemptions.flatMap(({ file, names }) => names.map((n) => `${file} ${n}`)))
  const complaints = packages
    .flatMap(({ sources }) => sources)
    .flatMap((source) =>
      usesOf(source).flatMap(({ name, line }) => {
        const exempt = exemptions.some((e) => e.file === source.path && e.names.includes(name))
        unused.delete(`${source.path} ${name}`)
        return exempt ? [] : [`${source.path}:${line}: ${name}`]
      })
    )
  return [...complaints, ...[...unused].map((entry) => `exempt without need: ${entry}`)]
}

interface Use {
  readonly name: string
  readonly line: number
}

function usesOf({ text, syntax }: SourceFile): Use[] {
  const uses: Use[] = importsOf(syntax.program)
    .filter((specifier) => MODULES.has(specifier))
    .map((name) => ({ name, line: 1 }))
  walk(syntax.program, (node, place) => {
    const name = forbidden(node, place)
    if (name !== undefined) uses.push({ name, line: lineOf(text, node.start) })
  })
  return uses
}

function forbidden(node: Node, place: Place | undefined): string | undefined {
  if (node.type === 'MemberExpression') return forbiddenMember(node)
  if (node.type === 'ImportSpecifier') {
    const name = nameOf(node['imported'])
    return name !== undefined && RANDOM.includes(name) ? name : undefined
  }
  if (node.type === 'NewExpression' && nameOf(node['callee']) === 'Date') {
    return (node['arguments'] as unknown[]).length === 0 ? 'new Date()' : undefined
  }
  if (node.type === 'CallExpression' && nameOf(node['callee']) === 'Date') return 'Date()'
  if (node.type === 'VariableDeclarator') return forbiddenPattern(node)
  const name = nameOf(node)
  return name !== undefined && GLOBALS.has(name) && isReference(place) ? name : undefined
}

function forbiddenMember(node: Node): string | undefined {
  const object = isNode(node['object']) ? node['object'] : undefined
  const property = nameOf(node['property'])
  // Also `globalThis.Date.now`: what counts is the last name before the member.
  const owner = nameOf(object) ?? nameOf(object?.['property'])
  if (owner === undefined || property === undefined) return undefined
  return isBarred(owner, property) ? label(owner, property) : undefined
}

function isBarred(owner: string, property: string): boolean {
  return MEMBERS.get(owner)?.includes(property) ?? false
}

function label(owner: string, property: string): string {
  return owner === 'globalThis' ? property : `${owner}.${property}`
}

/** `const { now } = Date`. */
function forbiddenPattern(node: Node): string | undefined {
  const owner = nameOf(node['init'])
  const id = node['id'] as Node
  if (owner === undefined || id.type !== 'ObjectPattern') return undefined
  const taken = (id['properties'] as Node[]).map((property) => nameOf(property['key']) ?? '')
  const name = taken.find((key) => isBarred(owner, key))
  return name === undefined ? undefined : label(owner, name)
}

/** A name that means the global: not a property, a key, or a word in a type. */
function isReference(place: Place | undefined): boolean {
  if (place === undefined || place.parent.type.startsWith('TS')) return false
  const { parent, field } = place
  if (parent.type === 'ImportSpecifier') return false
  return (field !== 'property' && field !== 'key') || parent['computed'] === true
}
