import { describe, expect, it } from 'vitest'
import { checkChangesets, pathsChangedSinceMain } from './changesets.ts'
import { fixtureWorkspace, manifest } from './fixture.ts'
import { houseRoot, loadWorkspace } from './workspace.ts'

const RELEASED = {
  'packages/http/package.json': JSON.stringify({ name: '@aplomb/http', version: '1.0.0' }),
  'packages/http/src/index.ts': 'export const a = 1'
}
const CHANGESET = { '.changeset/some-change.md': `---\n'@aplomb/http': minor\n---\n\nText\n` }
const CHANGED = ['packages/http/src/index.ts']
const MISSING = ['@aplomb/http: no changeset names it']

describe('changesets', () => {
  it('name every package that has something to release', () => {
    expect(checkChangesets(loadWorkspace(houseRoot), pathsChangedSinceMain(houseRoot))).toEqual([])
  })

  it('are asked for when the source of a released package has changed', () => {
    expect(checkChangesets(fixtureWorkspace(RELEASED), CHANGED)).toEqual(MISSING)
    expect(checkChangesets(fixtureWorkspace({ ...RELEASED, ...CHANGESET }), CHANGED)).toEqual([])
  })

  it('are not asked for when only its tests or README have', () => {
    const changed = ['packages/http/test/a.test.ts', 'packages/http/README.md']
    expect(checkChangesets(fixtureWorkspace(RELEASED), changed)).toEqual([])
  })

  it('are asked for by a package that was never released, once it has something in it', () => {
    const unreleased = { ...RELEASED, 'packages/http/package.json': manifest('http', {}) }
    const empty = { ...unreleased, 'packages/http/src/index.ts': 'export {}\n' }
    expect(checkChangesets(fixtureWorkspace(unreleased), [])).toEqual(MISSING)
    expect(checkChangesets(fixtureWorkspace(empty), [])).toEqual([])
  })

  it('must not name what does not exist', () => {
    const other = { '.changeset/b.md': `---\n'@aplomb/htpp': patch\n---\n` }
    expect(checkChangesets(fixtureWorkspace({ ...RELEASED, ...other }), [])).toEqual([
      'a changeset names @aplomb/htpp, which is no package'
    ])
  })
})
