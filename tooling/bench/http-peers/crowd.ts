import { spawn } from 'node:child_process'
import type { Answer, Measured } from '../harness.ts'

/** What a crowd of requests did to its process. */
interface Crowd {
  readonly answered: number
  readonly seconds: number
  readonly rssMb: number
  readonly loopP99Ms: number
}

const COUNT = 100_000

const script = `
import { monitorEventLoopDelay } from 'node:perf_hooks'
const [origin, who] = process.argv.slice(1)
const gets = {
  async aplomb() {
    const { createClient } = await import('@aplomb/http')
    const client = createClient(origin, { timeout: { totalMs: 120_000 } })
    return () => client.get('/data.json').json()
  },
  async undici() {
    const { Pool } = await import('undici')
    const pool = new Pool(origin, { connections: 128 })
    return async () => (await pool.request({ path: '/data.json', method: 'GET' })).body.json()
  }
}
const get = await gets[who]()
for (let n = 0; n < 500; n++) await get()
globalThis.gc?.()
const before = process.memoryUsage().rss
let most = before
const watch = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 20)
const loop = monitorEventLoopDelay({ resolution: 5 })
loop.enable()
const start = performance.now()
let answered = 0
const all = []
for (let n = 0; n < ${COUNT}; n++) all.push(get().then(() => answered++))
await Promise.all(all)
const seconds = (performance.now() - start) / 1000
loop.disable()
clearInterval(watch)
most = Math.max(most, process.memoryUsage().rss)
const rssMb = (most - before) / 1e6
console.log(JSON.stringify({ answered, seconds, rssMb, loopP99Ms: loop.percentile(99) / 1e6 }))
process.exit(0)
`

/** 100,000 requests queued at once, each client in a process of its own. */
export async function crowd(origin: string): Promise<readonly Answer[]> {
  const results: Measured[] = []
  const base = await measure(origin, 'undici')
  for (const [name, each] of [
    ['undici.Pool, 128 connections', base],
    ['aplomb, whole stack', await measure(origin, 'aplomb')]
  ] as const) {
    const note = `${each.answered} answered, RSS +${each.rssMb.toFixed(0)} MB, loop p99 ${each.loopP99Ms.toFixed(0)} ms`
    const nsPerOp = (each.seconds * 1e9) / COUNT
    const speed = base.seconds / each.seconds
    results.push({
      name: `${name} (${note})`,
      nsPerOp,
      cpuNsPerOp: Number.NaN,
      speed,
      cpu: Number.NaN
    })
  }
  const title = '100,000 requests queued at once'
  return [{ title, baseline: 'undici.Pool', results }]
}

async function measure(origin: string, who: string): Promise<Crowd> {
  const args = ['--expose-gc', '--input-type=module', '-e', script, origin, who]
  const child = spawn(process.execPath, [...process.execArgv, ...args], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit']
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await new Promise((resolve) => child.once('close', resolve))
  return JSON.parse(output) as Crowd
}
