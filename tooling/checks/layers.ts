import { builtinModules } from 'node:module'
import { importsOf } from './syntax.ts'
import type { Package, Workspace } from './workspace.ts'

/** The floors of the house. Imports point down only. */
export const LAYERS: Record<string, number> = {
  kernel: 0,
  limits: 1,
  pool: 1,
  tasks: 1,
  policies: 2,
  http: 3,
  postgres: 3,
  redis: 3,
  telemetry: 4,
  mocks: 4,
  cli: 5
}

/** Stands beside the house: it imports nothing of ours and nothing imports it. */
const APART = new Set(['lint'])

/** The floor that only the top one may import at run time. */
const SIDE_ROOMS = 4

export function checkLayers({ packages }: Workspace): string[] {
  return packages.flatMap((each) => [
    ...checkPlace(each),
    ...checkDeclared(each),
    ...checkImports(each)
  ])
}

function checkPlace({ name }: Package): string[] {
  return name in LAYERS || APART.has(name) ? [] : [`${name}: stands on no floor of layers.ts`]
}

function checkDeclared({ name, manifest, sources, isEmpty }: Package): string[] {
  const imported = new Set(
    sources.flatMap(({ syntax }) => importsOf(syntax.program).map(packageOf))
  )
  return Object.entries(manifest.dependencies ?? {})
    .filter(([dependency]) => dependency.startsWith('@aplomb/'))
    .flatMap(([dependency, range]) => [
      ...checkEdge(`${name}/package.json`, name, dependency.slice('@aplomb/'.length)),
      ...(range === 'workspace:^'
        ? []
        : [`${name}: ${dependency} must be workspace:^, is ${range}`]),
      ...(isEmpty || imported.has(dependency) ? [] : [`${name}: ${dependency} is never imported`])
    ])
}

function checkImports({ name, manifest, sources }: Package): string[] {
  const declared = { ...manifest.dependencies, ...manifest.peerDependencies }
  return sources.flatMap(({ path, syntax }) =>
    importsOf(syntax.program).flatMap((specifier) => {
      if (specifier.startsWith('.')) return checkRelative(path, specifier)
      if (specifier.startsWith('node:')) return []
      if (builtinModules.includes(specifier)) return [`${path}: write node:${specifier}`]
      const target = packageOf(specifier)
      const edge = target.startsWith('@aplomb/') ? checkEdge(path, name, target.slice(8)) : []
      return target in declared ? edge : [...edge, `${path}: ${target} is not in dependencies`]
    })
  )
}

function checkRelative(path: string, specifier: string): string[] {
  const base = `file:///${path}`
  const home = path.split('/').slice(0, 3).join('/')
  const inside = new URL(specifier, base).pathname.startsWith(`/${home}/`)
  return inside ? [] : [`${path}: ${specifier} leaves the package`]
}

function checkEdge(where: string, from: string, to: string): string[] {
  if (from === to) return [`${where}: imports its own package by name`]
  const [above, below] = [LAYERS[from], LAYERS[to]]
  if (above === undefined || below === undefined) return [`${where}: ${from} must not import ${to}`]
  if (below === SIDE_ROOMS && from !== 'cli') return [`${where}: only the cli may import ${to}`]
  return below < above ? [] : [`${where}: ${from} (L${above}) must not import ${to} (L${below})`]
}

/** `@scope/name/sub` → `@scope/name`; `name/sub` → `name`. */
export function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}
