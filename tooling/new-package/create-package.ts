import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { LAYERS } from '../checks/layers.ts'
import { packageFiles } from './files.ts'

/** What `pnpm new-package` was asked for. */
export interface Request {
  readonly name: string
  readonly layer: string
  readonly description: string
}

/**
 * Writes the files of a new package and returns their paths. Nothing is written unless the whole
 * request is sound; every problem is listed in one error.
 */
export function createPackage(root: string, request: Request): string[] {
  const issues = issuesOf(root, request)
  if (issues.length > 0) throw new Error(`${issues.join('\n')}\n\n${USAGE}`)
  const files = packageFiles(request.name, request.description)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return Object.keys(files)
}

const USAGE = 'Usage: pnpm new-package <name> <L1 … L5> "<what it is, in one sentence>"'

function issuesOf(root: string, { name, layer, description }: Request): string[] {
  const floor = LAYERS[name]
  return [
    ...(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name) ? [] : [`'${name}' is not a kebab-case name`]),
    ...(existsSync(join(root, 'packages', name)) && name !== '' ? [`packages/${name} exists`] : []),
    ...(/^L[1-5]$/.test(layer) ? [] : [`'${layer}' is no layer: one of L1 L2 L3 L4 L5`]),
    ...(floor === undefined
      ? [`'${name}' has no floor yet: add it to tooling/checks/layers.ts, with a decision`]
      : layer === `L${floor}`
        ? []
        : [`${name} belongs on L${floor}, not on ${layer}`]),
    ...(description.trim() === '' ? ['a description is missing'] : [])
  ]
}
