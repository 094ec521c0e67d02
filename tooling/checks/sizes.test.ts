import { expect, it } from 'vitest'
import { fixtureWorkspace } from './fixture.ts'
import { describeSizes, measureSizes } from './sizes.ts'
import { houseRoot, loadWorkspace } from './workspace.ts'

it('the house shows how long its files and functions are', () => {
  const sizes = measureSizes(loadWorkspace(houseRoot))
  console.log(describeSizes(sizes))
  expect(sizes.files.length).toBeGreaterThan(0)
})

it('files and functions are measured in lines and the long ones named', () => {
  const body = '  call()\n'.repeat(39)
  const workspace = fixtureWorkspace({
    'packages/http/src/a.ts': `function long() {\n${body}}\nconst short = () => 1\n`,
    'packages/http/src/b.ts': '\n'.repeat(251)
  })
  expect(describeSizes(measureSizes(workspace))).toBe(
    [
      '2 files, median 42 lines, 1 over 250',
      '  251 packages/http/src/b.ts',
      '2 functions, median 1 lines, 1 over 40',
      '  41 packages/http/src/a.ts:1 long'
    ].join('\n')
  )
})
