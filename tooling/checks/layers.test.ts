import { describe, expect, it } from 'vitest'
import { fixtureWorkspace, manifest } from './fixture.ts'
import { checkLayers } from './layers.ts'
import { houseRoot, loadWorkspace } from './workspace.ts'

const on = (...names: string[]): Record<string, unknown> => ({
  dependencies: Object.fromEntries(names.map((name) => [`@aplomb/${name}`, 'workspace:^']))
})

describe('the layers of the house', () => {
  it('are kept by its packages', () => {
    expect(checkLayers(loadWorkspace(houseRoot))).toEqual([])
  })

  it('let an import point down', () => {
    const workspace = fixtureWorkspace({
      'packages/http/package.json': manifest('http', on('kernel')),
      'packages/http/src/index.ts': `export { a } from './a.ts'\nimport type { K } from '@aplomb/kernel'`,
      'packages/http/src/a.ts': `import fs from 'node:fs'`,
      'packages/kernel/src/index.ts': 'export const k = 1'
    })
    expect(checkLayers(workspace)).toEqual([])
  })

  it.each([
    ['up', 'limits', 'policies', 'limits (L1) must not import policies (L2)'],
    ['sideways', 'limits', 'pool', 'limits (L1) must not import pool (L1)'],
    ['from a side room', 'http', 'mocks', 'only the cli may import mocks'],
    ['into a side room', 'mocks', 'telemetry', 'only the cli may import telemetry'],
    ['to the plugin that stands apart', 'lint', 'kernel', 'lint must not import kernel']
  ])('refuse an import %s, in package.json and in the source', (_, from, to, message) => {
    const workspace = fixtureWorkspace({
      [`packages/${from}/package.json`]: manifest(from, on(to)),
      [`packages/${from}/src/index.ts`]: `export const x = import('@aplomb/${to}/sub')`
    })
    expect(checkLayers(workspace)).toEqual([
      `${from}/package.json: ${message}`,
      `packages/${from}/src/index.ts: ${message}`
    ])
  })

  it.each([
    [`import { x } from '../../limits/src/x.ts'`, 'leaves the package'],
    [`export { x } from '../../../limits/src/x.ts'`, 'leaves the package'],
    [`import type { X } from 'undici'`, 'undici is not in dependencies'],
    [`type X = import('undici/types').X`, 'undici is not in dependencies'],
    [`import fs from 'fs'`, 'write node:fs'],
    [`import { x } from '@aplomb/http'`, 'imports its own package by name']
  ])('refuse %s', (code, message) => {
    const workspace = fixtureWorkspace({ 'packages/http/src/deep.ts': code })
    expect(checkLayers(workspace)).toContainEqual(expect.stringContaining(message))
  })

  it('refuse a dependency of ours that is pinned, unused, or of an unknown package', () => {
    const workspace = fixtureWorkspace({
      'packages/http/package.json': manifest('http', {
        dependencies: { '@aplomb/kernel': '1.0.0' }
      }),
      'packages/http/src/index.ts': 'export const x = 1',
      'packages/shed/src/index.ts': 'export {}'
    })
    expect(checkLayers(workspace)).toEqual([
      'http: @aplomb/kernel must be workspace:^, is 1.0.0',
      'http: @aplomb/kernel is never imported',
      'shed: stands on no floor of layers.ts'
    ])
  })
})
