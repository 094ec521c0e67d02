import { expect, it } from 'vitest'
import { fixtureWorkspace } from './fixture.ts'
import { checkNaming } from './naming.ts'
import { houseRoot, loadWorkspace } from './workspace.ts'

it('files are named for the one thing inside and lists are written by hand', () => {
  expect(checkNaming(loadWorkspace(houseRoot))).toEqual([])
})

it('vague names, other cases and `export *` are found', () => {
  const workspace = fixtureWorkspace({
    'packages/http/src/index.ts': `export { a } from './a.ts'\nexport * from './b.ts'`,
    'packages/http/src/utils.ts': '',
    'packages/http/src/common/retryAfter.ts': '',
    'packages/http/src/retry-after.ts': ''
  })
  expect(checkNaming(workspace)).toEqual([
    `packages/http/src/common/retryAfter.ts: 'common' names nothing`,
    `packages/http/src/common/retryAfter.ts: 'retryAfter' is not kebab-case`,
    'packages/http/src/index.ts:2: export *',
    `packages/http/src/utils.ts: 'utils' names nothing`
  ])
})
