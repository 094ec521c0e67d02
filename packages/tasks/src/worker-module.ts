import { existsSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { invalidOptions } from '@aplomb/kernel'

/** A `file:` URL, as an object or a string, or an absolute path. */
export type WorkerModule = URL | string

const builtNames: readonly (readonly [RegExp, string])[] = [
  [/\.ts$/u, '.js'],
  [/\.mts$/u, '.mjs'],
  [/\.ts$/u, '.mjs']
]

const found = new Map<string, string>()

/**
 * The URL of a worker module. One that is named by its TypeScript file, as `new URL('./hash.ts',
 * import.meta.url)`, is found after a build as well, by the name that the compiler gave it.
 */
export function resolveModule(module: WorkerModule): string {
  const given = String(module)
  const known = found.get(given)
  if (known !== undefined) return known
  const url = toUrl(given)
  const existing = existingVariant(url)
  if (existing !== undefined) found.set(given, existing)
  return existing ?? url
}

function toUrl(given: string): string {
  if (given.startsWith('file:')) return given
  if (isAbsolute(given)) return pathToFileURL(given).href
  const problem = `module: must be a file: URL or an absolute path, not "${given}"`
  throw invalidOptions('offload', [`${problem}; try new URL("${given}", import.meta.url)`])
}

function existingVariant(url: string): string | undefined {
  if (exists(url)) return url
  const variants = builtNames.map(([source, built]) => url.replace(source, built))
  return variants.find((variant) => variant !== url && exists(variant))
}

function exists(url: string): boolean {
  return existsSync(fileURLToPath(url))
}
