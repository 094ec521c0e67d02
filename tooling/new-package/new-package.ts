// `pnpm new-package <name> <layer> "<what it is>"`: lays out a package in the house's shape.
import { houseRoot } from '../checks/workspace.ts'
import { type Request, createPackage } from './create-package.ts'

const [name = '', layer = '', ...words] = process.argv.slice(2)
const request: Request = { name, layer, description: words.join(' ') }

try {
  for (const path of createPackage(houseRoot, request)) console.log(path)
  console.log('\nNow `pnpm install`, and write the first test.')
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
}
