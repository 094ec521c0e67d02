import { describe, expect, it } from 'vitest'
import { checkErrorTables } from './error-tables.ts'
import { fixtureWorkspace } from './fixture.ts'
import { houseRoot, loadWorkspace } from './workspace.ts'

const KERNEL = {
  'packages/kernel/src/errors.ts': `
    export abstract class AplombError extends Error { abstract readonly kind: string }
    export abstract class RejectedError extends AplombError { override readonly kind = 'rejected' }`
}
const QUEUE_FULL = `
  import { RejectedError } from '@aplomb/kernel'
  export class QueueFullError extends RejectedError {
    override readonly name = 'QueueFullError'
    override readonly code = 'ERR_QUEUE_FULL' as const
  }`
const TABLE = `
| code             | class            | kind       | when |
| ---------------- | ---------------- | ---------- | ---- |
| \`ERR_QUEUE_FULL\` | \`QueueFullError\` | \`rejected\` | full |
`

const complaintsOf = (errors: string, readme: string): string[] =>
  checkErrorTables(
    fixtureWorkspace({
      ...KERNEL,
      'packages/limits/src/errors.ts': errors,
      'packages/limits/README.md': readme
    })
  )

describe('error tables', () => {
  it('of all READMEs agree with the classes', () => {
    expect(checkErrorTables(loadWorkspace(houseRoot))).toEqual([])
  })

  it('agree when each concrete class has its row, its kind taken from the base', () => {
    expect(complaintsOf(QUEUE_FULL, TABLE)).toEqual([])
  })

  it('may list an error of the package below', () => {
    const workspace = fixtureWorkspace({
      ...KERNEL,
      'packages/limits/src/errors.ts': QUEUE_FULL,
      'packages/limits/README.md': TABLE,
      'packages/http/README.md': TABLE
    })
    expect(checkErrorTables(workspace)).toEqual([])
  })

  it.each([
    ['a class without a row', QUEUE_FULL, ''],
    ['a row without a class', '', TABLE],
    ['another code', QUEUE_FULL.replace('ERR_QUEUE_FULL', 'ERR_FULL'), TABLE],
    ['another kind', QUEUE_FULL, TABLE.replace('`rejected`', '`failed`')],
    ['another class name', QUEUE_FULL, TABLE.replace('`QueueFullError`', '`FullError`')],
    [
      'an aggregate without a row',
      `class Both extends AggregateError { code = 'ERR_BOTH'; kind = 'failed' }`,
      ''
    ],
    ['a code that is no literal', QUEUE_FULL.replace(`'ERR_QUEUE_FULL' as const`, 'code'), '']
  ])('differ by %s', (_, errors, readme) => {
    expect(complaintsOf(errors, readme)).not.toEqual([])
  })
})
