// How much of the bare client's speed is left when `aplomb fetch` reads URLs, stores every answer
// and can be resumed: 100,000 URLs of a local nginx into NDJSON, and its memory.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@aplomb/http'
import { ask, concurrently, type Answer } from './harness.ts'
import { startNginx } from './servers/nginx.ts'

const URLS = 100_000
const CONCURRENCY = 64
const bin = new URL('../../packages/cli/dist/bin.js', import.meta.url).pathname

export default async function questions(): Promise<readonly Answer[]> {
  await using nginx = await startNginx({ item: JSON.stringify({ item: 'x'.repeat(114) }) })
  if (nginx === undefined) throw new Error('nginx is not installed (apt-get install nginx-light)')
  const folder = mkdtempSync(join(tmpdir(), 'aplomb-bench-'))
  const input = join(folder, 'urls')
  writeFileSync(
    input,
    Array.from({ length: URLS }, (_, index) => `${nginx.origin}/item?${index}\n`).join('')
  )
  const client = createClient(nginx.origin, { limits: { concurrency: CONCURRENCY } })
  let largest = 0
  try {
    const answer = await ask({
      title: `aplomb fetch of ${URLS} URLs into NDJSON, against a loop of the bare client`,
      baseline: 'bare client',
      rounds: 3,
      warmUps: 1,
      contenders: [
        {
          name: 'bare client',
          round: concurrently(() => client.get('/item').json(), URLS, CONCURRENCY)
        },
        {
          name: 'aplomb fetch',
          async round() {
            const output = join(folder, 'out.ndjson')
            largest = Math.max(largest, await fetchAll(input, output))
            return URLS
          }
        }
      ]
    })
    process.stderr.write(`aplomb fetch: at most ${(largest / 1024).toFixed(0)} MB resident\n`)
    return [answer]
  } finally {
    await client.close()
    rmSync(folder, { recursive: true })
  }
}

/** Runs the program and gives its largest resident set, in KB. */
async function fetchAll(input: string, output: string): Promise<number> {
  const args = [bin, 'fetch', input, '--out', output, '--force', '--quiet']
  const child = spawn(process.execPath, args, { stdio: 'inherit' })
  let largest = 0
  const watch = setInterval(() => {
    largest = Math.max(largest, residentKilobytes(child.pid))
  }, 100)
  const code = await new Promise((resolve) => void child.once('close', resolve))
  clearInterval(watch)
  if (code !== 0) throw new Error(`aplomb fetch ended with ${String(code)}`)
  return largest
}

function residentKilobytes(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}
