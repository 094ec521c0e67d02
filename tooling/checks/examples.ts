import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesBelow } from './workspace.ts'
import type { Package, Workspace } from './workspace.ts'

const SPLICE = /<!-- example: (\S+) -->\s*(?:```ts\n([\s\S]*?)```)?/g

/** What the READMEs show is what the example files say, and every library shows one. */
export function checkReadmeExamples({ packages }: Workspace): string[] {
  return packages.flatMap((each) => {
    const shown = [...each.readme.matchAll(SPLICE)]
    const needed = !each.isEmpty && each.manifest.bin === undefined
    return [
      ...(needed && shown.length === 0 ? [`${each.name}: README shows no example`] : []),
      ...shown.flatMap(([, path = '', code]) => checkSplice(each, path, code))
    ]
  })
}

function checkSplice({ name, folder }: Package, path: string, code: string | undefined): string[] {
  const file = join(folder, path)
  if (!existsSync(file)) return [`${name}: README shows ${path}, which does not exist`]
  if (code === undefined) return [`${name}: no \`\`\`ts fence follows the mark of ${path}`]
  const text = readFileSync(file, 'utf8')
  return code.trimEnd() === text.trimEnd() ? [] : [`${name}: README and ${path} differ`]
}

/** Every example of every package, from the root. */
export function examplesOf({ packages }: Workspace): string[] {
  return packages.flatMap(({ name, folder }) =>
    filesBelow(join(folder, 'examples'), '.ts').map((path) => `packages/${name}/examples/${path}`)
  )
}
