// `pnpm api`: writes every built package's api.md anew. Read the diff before you commit it.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { apiReport } from './api-report.ts'
import { houseRoot, loadWorkspace } from './workspace.ts'

const wanted = new Set(process.argv.slice(2))

for (const each of loadWorkspace(houseRoot).packages) {
  if (each.isEmpty || (wanted.size > 0 && !wanted.has(each.name))) continue
  writeFileSync(join(each.folder, 'api.md'), apiReport(each))
  console.log(`packages/${each.name}/api.md`)
}
