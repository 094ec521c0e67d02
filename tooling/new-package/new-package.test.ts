import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { checkChangesets } from '../checks/changesets.ts'
import { checkErrorTables } from '../checks/error-tables.ts'
import { checkReadmeExamples } from '../checks/examples.ts'
import { fixtureFolder } from '../checks/fixture.ts'
import { checkLayers } from '../checks/layers.ts'
import { checkNaming } from '../checks/naming.ts'
import { checkTimeAndChance } from '../checks/time-and-chance.ts'
import { houseRoot, loadWorkspace } from '../checks/workspace.ts'
import { createPackage } from './create-package.ts'

const run = promisify(execFile)
const REQUEST = { name: 'redis', layer: 'L3', description: 'Limits shared by many processes' }

describe('new-package', () => {
  it('lays out a package that keeps the laws of the house', () => {
    const root = fixtureFolder({})
    createPackage(root, REQUEST)
    const workspace = loadWorkspace(root)
    expect(workspace.packages.map(({ manifest }) => manifest.name)).toEqual(['@aplomb/redis'])
    expect([
      ...checkLayers(workspace),
      ...checkNaming(workspace),
      ...checkTimeAndChance(workspace, []),
      ...checkErrorTables(workspace),
      ...checkReadmeExamples(workspace),
      ...checkChangesets(workspace, [])
    ]).toEqual([])
  })

  it('lays out a package that builds, type-checks, is formatted and runs', async () => {
    const root = fixtureFolder({})
    createPackage(root, REQUEST)
    const folder = join(root, 'packages/redis')
    borrowTools(root, folder)
    const at = { cwd: folder, timeout: 60_000 }
    const tool = (name: string): string => join(houseRoot, 'node_modules/.bin', name)

    await run(tool('oxfmt'), ['--check', '-c', join(houseRoot, '.oxfmtrc.json'), root], at)
    await run(tool('tsc'), ['--noEmit'], at)
    await run(tool('tsdown'), [], at)
    const { stdout } = await run(process.execPath, ['examples/redis.ts'], at)
    expect(stdout).toBe('true\n')
  })

  it('lists everything wrong with a request, and writes nothing', () => {
    const root = fixtureFolder({ 'packages/http/package.json': '{}' })
    const create = (name: string, layer: string, description: string) => (): string[] =>
      createPackage(root, { name, layer, description })

    expect(create('Bad_Name', 'L9', '')).toThrow(
      /'Bad_Name' is not a kebab-case name\n'L9' is no layer.*\n'Bad_Name' has no floor.*\na desc/
    )
    expect(create('redis', 'L1', 'x')).toThrow('redis belongs on L3, not on L1')
    expect(create('http', 'L3', 'x')).toThrow('packages/http exists')
    expect(loadWorkspace(root).packages.map(({ name }) => name)).toEqual(['http'])
  })
})

/** What `pnpm install` would do: the shared configuration, the tools and the built kernel. */
function borrowTools(root: string, folder: string): void {
  for (const name of ['tooling/tsconfig', 'tooling/tsdown']) {
    cpSync(join(houseRoot, name), join(root, name), { recursive: true })
  }
  symlinkSync(join(houseRoot, 'node_modules'), join(root, 'node_modules'))
  mkdirSync(join(folder, 'node_modules/@aplomb'), { recursive: true })
  symlinkSync(join(houseRoot, 'packages/kernel'), join(folder, 'node_modules/@aplomb/kernel'))
  expect(readFileSync(join(folder, 'package.json'), 'utf8')).toContain('@aplomb/kernel')
}
