import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { loadWorkspace, type Workspace } from './workspace.ts'

/** A folder with these files, gone when the test ends. */
export function fixtureFolder(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'aplomb-fixture-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return root
}

/** A workspace of these files; a package without a package.json of its own gets a plain one. */
export function fixtureWorkspace(files: Record<string, string>): Workspace {
  const names = new Set(Object.keys(files).map((path) => path.split('/')[1] ?? ''))
  const manifests = [...names].map((name) => [`packages/${name}/package.json`, manifest(name, {})])
  return loadWorkspace(fixtureFolder({ ...Object.fromEntries(manifests), ...files }))
}

/** The text of a package.json. */
export function manifest(name: string, fields: Record<string, unknown>): string {
  return JSON.stringify({ name: `@aplomb/${name}`, version: '0.0.0', ...fields })
}
