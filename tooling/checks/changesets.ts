import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesBelow } from './workspace.ts'
import type { Workspace } from './workspace.ts'

/** Packages that were never released, or whose source changed, need a changeset that names them. */
export function checkChangesets(workspace: Workspace, changedPaths: readonly string[]): string[] {
  const named = namedPackages(workspace.root)
  const known = new Set(workspace.packages.map(({ manifest }) => manifest.name))
  const changed = new Set(changedPaths.map((path) => /^packages\/([^/]+)\/src\//.exec(path)?.[1]))
  const missing = workspace.packages
    .filter(({ manifest, isEmpty }) => manifest.private !== true && !isEmpty)
    .filter(({ name, manifest }) => changed.has(name) || manifest.version === '0.0.0')
    .filter(({ manifest }) => !named.has(manifest.name))
    .map(({ manifest }) => `${manifest.name}: no changeset names it`)
  const unknown = [...named].filter((name) => !known.has(name))
  return [...missing, ...unknown.map((name) => `a changeset names ${name}, which is no package`)]
}

/** What changed since this branch left origin/main; nothing where there is no such branch. */
export function pathsChangedSinceMain(root: string): string[] {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    const base = git('merge-base', 'origin/main', 'HEAD').trim()
    return git('diff', '--name-only', base).split('\n')
  } catch {
    return []
  }
}

function namedPackages(root: string): Set<string> {
  const folder = join(root, '.changeset')
  const files = filesBelow(folder, '.md').filter((path) => path !== 'README.md')
  return new Set(
    files.flatMap((path) => {
      const head = readFileSync(join(folder, path), 'utf8').split('---')[1] ?? ''
      return [...head.matchAll(/^['"]?(@aplomb\/[\w-]+)['"]?: *(major|minor|patch)$/gm)].map(
        ([, name = '']) => name
      )
    })
  )
}
