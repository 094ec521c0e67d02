import { constants } from 'node:fs'
import { access, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Summary } from './summary.ts'

/** Notes which of the files, by the option that names them, could not be written in the end. */
export async function checkWritable(
  files: Readonly<Record<string, string | undefined>>,
  issues: string[]
): Promise<void> {
  for (const [option, path] of Object.entries(files)) {
    if (path === undefined) continue
    try {
      await access(dirname(path), constants.W_OK)
    } catch (error) {
      issues.push(`--${option}: cannot write ${path}: ${(error as Error).message}`)
    }
  }
}

export async function writeReport(path: string | undefined, report: Summary): Promise<void> {
  if (path !== undefined) await writeFile(path, `${JSON.stringify(report, null, 2)}\n`)
}
