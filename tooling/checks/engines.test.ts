import { expect, it } from 'vitest'
import { checkEngines } from './engines.ts'
import { fixtureWorkspace } from './fixture.ts'
import { houseRoot, loadWorkspace } from './workspace.ts'

it('each engine stands behind one file of its package', () => {
  expect(checkEngines(loadWorkspace(houseRoot))).toEqual([])
})

it('a second file that names the engine is found, even for a type', () => {
  const workspace = fixtureWorkspace({
    'packages/http/src/send.ts': `import { Pool } from 'undici'`,
    'packages/http/src/types.ts': `import type { Dispatcher } from 'undici/types/dispatcher.js'`,
    'packages/pool/src/engine.ts': `import { Pool } from 'undici'`
  })
  expect(checkEngines(workspace)).toEqual([
    'http: undici is imported by packages/http/src/send.ts and packages/http/src/types.ts'
  ])
})
