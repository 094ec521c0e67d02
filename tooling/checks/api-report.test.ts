import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { apiReport } from './api-report.ts'
import { fixtureWorkspace, manifest } from './fixture.ts'
import { houseRoot, loadWorkspace } from './workspace.ts'

const built = loadWorkspace(houseRoot).packages.filter(({ isEmpty }) => !isEmpty)

describe('API reports', () => {
  it.each(built.map((each) => [each.name, each] as const))(
    'packages/%s/api.md is what the build exports (else run `pnpm api` and read the diff)',
    (_, each) => {
      const path = join(each.folder, 'api.md')
      expect(existsSync(path), 'there is no report yet').toBe(true)
      expect(readFileSync(path, 'utf8')).toBe(apiReport(each))
    }
  )

  it('list exported signatures by name and the types they lean on, across chunks', () => {
    const report = reportOf({
      'index.d.ts': `import { t as Shared } from "./chunk-Ab12.js";
        /** Says what it does. */
        declare function b(x: Hidden): Shared;
        declare const a: 1; // no comment stays
        interface Hidden {
          /** Why. */
          readonly x: number;
        }
        interface Unseen {}
        export { a, type Shared, b as renamed };`,
      'chunk-Ab12.d.ts': `declare class Shared {
  private x;
  y: number;
}
export { Shared as t };`
    })
    expect(report).toContain(
      [
        '```ts',
        'class Shared {',
        '  y: number;',
        '}',
        'const a: 1;',
        '// b is exported as renamed',
        'function b(x: Hidden): Shared;',
        '',
        '// Not exported:',
        'interface Hidden {'
      ].join('\n')
    )
    expect(report).not.toMatch(/Unseen|Why|comment|Ab12/)
  })

  it('stay the same when only comments and chunk names change', () => {
    const before = reportOf({
      'index.d.ts': `export { t as A } from './x-1.js'`,
      'x-1.d.ts': 'declare const A: 1; export { A as t }'
    })
    const after = reportOf({
      'index.d.ts': `import { n as A } from './y-2.js'\n/** New. */\nexport { A }`,
      'y-2.d.ts': '/** More. */ declare const A: 1; export { A as n }'
    })
    expect(after).toBe(before)
    expect(reportOf({ 'index.d.ts': 'export declare const A: 2;' })).not.toBe(before)
  })
})

function reportOf(dist: Record<string, string>): string {
  const exports = { '.': './dist/index.js', './package.json': './package.json' }
  const files = Object.entries(dist).map(([name, text]) => [`packages/http/dist/${name}`, text])
  const { packages } = fixtureWorkspace({
    ...Object.fromEntries(files),
    'packages/http/package.json': manifest('http', { publishConfig: { exports } })
  })
  return packages.map((each) => apiReport(each)).join('')
}
