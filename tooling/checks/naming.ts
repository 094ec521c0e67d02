import { basename } from 'node:path'
import { lineOf } from './syntax.ts'
import type { Node } from './syntax.ts'
import type { SourceFile, Workspace } from './workspace.ts'

const VAGUE = /^(utils?|helpers?|common|misc|shared)$/

/** Files are named, in kebab-case, for the one thing inside; public lists are written by hand. */
export function checkNaming({ packages }: Workspace): string[] {
  return packages
    .flatMap(({ sources }) => sources)
    .flatMap((s) => [...checkName(s), ...checkStars(s)])
}

function checkName({ path }: SourceFile): string[] {
  const parts = path.split('/').slice(3, -1).concat(basename(path, '.ts'))
  return parts.flatMap((part) => [
    ...(VAGUE.test(part) ? [`${path}: '${part}' names nothing`] : []),
    ...(/^[a-z0-9]+(-[a-z0-9]+)*$/.test(part) ? [] : [`${path}: '${part}' is not kebab-case`])
  ])
}

function checkStars({ path, text, syntax }: SourceFile): string[] {
  return (syntax.program['body'] as Node[])
    .filter(({ type }) => type === 'ExportAllDeclaration')
    .map(({ start }) => `${path}:${lineOf(text, start)}: export *`)
}
