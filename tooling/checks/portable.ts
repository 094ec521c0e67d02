import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { lineOf, parse, walk } from './syntax.ts'
import { filesBelow } from './workspace.ts'
import type { Workspace } from './workspace.ts'

// Spelled in pieces, so that this file does not match itself.
const FOREIGN = [
  new RegExp(`(?<![\\w.])/(${['work', 'root'].join('|')})/(?=[\\w.-])`),
  new RegExp(`/(${['home', 'Users'].join('|')})/[a-z][\\w-]*/`),
  /https?:\/\/[\w.-]*(registry|artifactory|nexus|verdaccio)[\w.-]*/
]

/** Nothing that git tracks tells where it was written or where packages came from. */
export function checkTrackedFiles(root: string): string[] {
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0')
  return files
    .filter((path) => path !== '' && existsSync(join(root, path)))
    .flatMap((path) => checkText(path, readFileSync(join(root, path), 'utf8')))
}

export function checkText(path: string, text: string): string[] {
  return FOREIGN.flatMap((pattern) => {
    const found = pattern.exec(text)
    return found === null ? [] : [`${path}:${lineOf(text, found.index)}: ${found[0]}`]
  })
}

/** Node.js 22 cannot parse `using`, so what is published has none. */
export function checkDist({ packages }: Workspace): string[] {
  return packages.flatMap(({ name, folder }) => {
    const files = filesBelow(join(folder, 'dist'), '.js')
    if (files.length === 0) return [`${name}: not built`]
    return files.flatMap((file) => {
      const path = `${name}/dist/${file}`
      return usingIn(path, readFileSync(join(folder, 'dist', file), 'utf8'))
    })
  })
}

function usingIn(path: string, text: string): string[] {
  const found: string[] = []
  walk(parse(path, text).program, (node) => {
    if (node.type === 'VariableDeclaration' && String(node['kind']).endsWith('using')) {
      found.push(`${path}:${lineOf(text, node.start)}: ${String(node['kind'])}`)
    }
  })
  return found
}
