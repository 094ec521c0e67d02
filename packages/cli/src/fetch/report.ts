import { constants } from 'node:fs'
import { access, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Summary } from './summary.ts'

/** Notes why the report could not be written in the end. */
export async function checkReport(path: string | undefined, issues: string[]): Promise<void> {
  if (path === undefined) return
  try {
    await access(dirname(path), constants.W_OK)
  } catch (error) {
    issues.push(`--report: cannot write ${path}: ${(error as Error).message}`)
  }
}

export async function writeReport(path: string | undefined, report: Summary): Promise<void> {
  if (path !== undefined) await writeFile(path, `${JSON.stringify(report, null, 2)}\n`)
}
