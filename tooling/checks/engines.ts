import { packageOf } from './layers.ts'
import { importsOf } from './syntax.ts'
import type { Package, Workspace } from './workspace.ts'

/** A third-party engine stands behind one file of its package, so it can be replaced in one place. */
export function checkEngines({ packages }: Workspace): string[] {
  return packages.flatMap((each) =>
    Object.entries(importers(each))
      .filter(([, files]) => files.size > 1)
      .map(
        ([engine, files]) => `${each.name}: ${engine} is imported by ${[...files].join(' and ')}`
      )
  )
}

function importers({ sources }: Package): Record<string, Set<string>> {
  const found: Record<string, Set<string>> = {}
  for (const { path, syntax } of sources) {
    for (const specifier of importsOf(syntax.program)) {
      if (/^(\.|node:|@aplomb\/)/.test(specifier)) continue
      const engine = packageOf(specifier)
      found[engine] = (found[engine] ?? new Set()).add(path)
    }
  }
  return found
}
