import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parse, type Syntax } from './syntax.ts'

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly bin?: unknown
  readonly exports?: Record<string, unknown>
  readonly publishConfig?: { readonly exports?: Record<string, string> }
  readonly dependencies?: Record<string, string>
  readonly peerDependencies?: Record<string, string>
}

export interface SourceFile {
  /** From the workspace's root, with `/`. */
  readonly path: string
  readonly text: string
  readonly syntax: Syntax
}

export interface Package {
  /** Without the scope: `kernel`. */
  readonly name: string
  readonly folder: string
  readonly manifest: Manifest
  readonly sources: readonly SourceFile[]
  readonly readme: string
  /** Nothing is exported yet: the package was laid out, not built. */
  readonly isEmpty: boolean
}

export interface Workspace {
  readonly root: string
  readonly packages: readonly Package[]
}

export const houseRoot: string = join(import.meta.dirname, '../..')

export function loadWorkspace(root: string): Workspace {
  const names = readdirSync(join(root, 'packages'))
    .filter((name) => existsSync(join(root, 'packages', name, 'package.json')))
    .toSorted()
  return { root, packages: names.map((name) => loadPackage(root, name)) }
}

function loadPackage(root: string, name: string): Package {
  const folder = join(root, 'packages', name)
  const sources = filesBelow(join(folder, 'src'), '.ts').map((path) =>
    loadSource(root, `packages/${name}/src/${path}`)
  )
  const index = sources.find(({ path }) => path.endsWith(`${name}/src/index.ts`))
  const readme = join(folder, 'README.md')
  return {
    name,
    folder,
    manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest,
    sources,
    readme: existsSync(readme) ? readFileSync(readme, 'utf8') : '',
    isEmpty: index === undefined || index.text.trim() === 'export {}'
  }
}

function loadSource(root: string, path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8')
  let syntax: Syntax | undefined
  return {
    path,
    text,
    get syntax() {
      return (syntax ??= parse(path, text))
    }
  }
}

/** The files below a folder that end in `ending`, from that folder, with `/`; none if it is not there. */
export function filesBelow(folder: string, ending: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith(ending) && !path.includes('node_modules/'))
    .toSorted()
}
