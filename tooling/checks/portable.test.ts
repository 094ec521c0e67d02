import { describe, expect, it } from 'vitest'
import { fixtureWorkspace } from './fixture.ts'
import { checkDist, checkText, checkTrackedFiles } from './portable.ts'
import { houseRoot, loadWorkspace } from './workspace.ts'

describe('what is tracked', () => {
  it('names no machine and no registry', () => {
    expect(checkTrackedFiles(houseRoot)).toEqual([])
  })

  it.each([
    ['a path of this machine', ['', 'work', 'main'].join('/')],
    ['the home of root', `"${['', 'root', '.npm'].join('/')}"`],
    ['the home of someone', ['', 'home', 'ada', 'x'].join('/')],
    ['a registry', ['https:/', 'registry.example.com/x.tgz'].join('/')]
  ])('is refused with %s', (_, text) => {
    expect(checkText('a.ts', `first\n${text}`)).toEqual([expect.stringMatching(/^a\.ts:2: /)])
  })

  it('may speak of work and roots', () => {
    expect(checkText('a.ts', 'docs/work/x and https://example.com/root/x at /tmp/x')).toEqual([])
  })
})

describe('what is built', () => {
  it('parses on Node.js 22: no `using`', () => {
    expect(checkDist(loadWorkspace(houseRoot))).toEqual([])
  })

  it('is refused with `using` or `await using`, and when it is missing', () => {
    const workspace = fixtureWorkspace({
      'packages/http/dist/index.js': 'const a = 1\nusing lease = a\n',
      'packages/http/dist/sub/index.js': 'await using lease = a',
      'packages/pool/dist/index.js': `const using = 'using x = 1'`,
      'packages/tasks/src/index.ts': ''
    })
    expect(checkDist(workspace)).toEqual([
      'http/dist/index.js:2: using',
      'http/dist/sub/index.js:1: await using',
      'tasks: not built'
    ])
  })
})
