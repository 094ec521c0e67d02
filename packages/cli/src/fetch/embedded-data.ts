import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

const OTHERS_MAY_ENTER = 0o001
const LASTING_TEMPORARY = '/var/tmp'

/**
 * Where the embedded PostgreSQL keeps the data of a folder: in `.aplomb/postgres` there. A server
 * started by root runs as another user, though, so where that user could not come (root's home, a
 * private temporary folder) it is a folder of /var/tmp that belongs to this one.
 */
export async function embeddedDataDir(folder: string): Promise<string> {
  const own = resolve(folder, '.aplomb', 'postgres')
  if (process.getuid?.() !== 0 || (await othersMayEnter(resolve(folder)))) return own
  const name = createHash('sha256').update(own).digest('hex').slice(0, 16)
  return join(LASTING_TEMPORARY, `aplomb-postgres-${name}`)
}

async function othersMayEnter(folder: string): Promise<boolean> {
  const { mode } = await stat(folder)
  if ((mode & OTHERS_MAY_ENTER) === 0) return false
  const parent = dirname(folder)
  return parent === folder || othersMayEnter(parent)
}
