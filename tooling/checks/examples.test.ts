import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { checkReadmeExamples, examplesOf } from './examples.ts'
import { fixtureWorkspace } from './fixture.ts'
import { houseRoot, loadWorkspace } from './workspace.ts'

const run = promisify(execFile)
const house = loadWorkspace(houseRoot)

describe('examples', () => {
  it.concurrent.for(examplesOf(house))('%s runs against the built packages', async (path) => {
    // A non-zero exit rejects, and shows what the example wrote.
    const ended = await run(process.execPath, [join(houseRoot, path)], { timeout: 15_000 })
    expect(ended).toHaveProperty('stdout')
  })

  it('in the READMEs are the files', () => {
    expect(checkReadmeExamples(house)).toEqual([])
  })

  it.each([
    ['no example at all', 'Text', 'http: README shows no example'],
    ['another text', fence('other()'), 'http: README and examples/a.ts differ'],
    ['no fence after the mark', '<!-- example: examples/a.ts -->\nText', 'http: no ```ts fence'],
    ['a file that is gone', fence('a()', 'examples/b.ts'), 'examples/b.ts, which does not exist']
  ])('are found wanting with %s', (_, readme, message) => {
    expect(complaintsOf(readme)).toEqual([expect.stringContaining(message)])
  })

  it('are fine when fence and file agree', () => {
    expect(complaintsOf(`# Title\n\n${fence('a()')}\n\nText`)).toEqual([])
  })
})

function fence(code: string, path = 'examples/a.ts'): string {
  return `<!-- example: ${path} -->\n\n\`\`\`ts\n${code}\n\`\`\``
}

function complaintsOf(readme: string): string[] {
  return checkReadmeExamples(
    fixtureWorkspace({
      'packages/http/src/index.ts': 'export const a = 1',
      'packages/http/examples/a.ts': 'a()\n',
      'packages/http/README.md': readme
    })
  )
}
