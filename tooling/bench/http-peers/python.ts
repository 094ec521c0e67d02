import { spawn, spawnSync } from 'node:child_process'
import type { Contender } from '../harness.ts'

const common = `
import asyncio, sys, time, json
url, concurrency, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

async def run(get):
    left = count
    async def worker():
        nonlocal left
        while left > 0:
            left -= 1
            await get()
    await asyncio.gather(*[worker() for _ in range(concurrency)])

async def measured(get):
    await get()
    start = time.perf_counter()
    await run(get)
    print(time.perf_counter() - start)
`
const aiohttp = `${common}
import aiohttp
async def main():
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        async def get():
            async with session.get(url) as response:
                return json.loads(await response.read())
        await measured(get)
`
const scripts: Readonly<Record<string, readonly [string, string, number]>> = {
  'aiohttp + uvloop': ['aiohttp, uvloop', `${aiohttp}\nimport uvloop\nuvloop.install()\n`, 5000],
  aiohttp: ['aiohttp', aiohttp, 5000],
  httpx: [
    'httpx',
    `${common}
import httpx
async def main():
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(limits=limits) as client:
        async def get():
            return (await client.get(url)).json()
        await measured(get)
`,
    1500
  ]
}

/** Debian's interpreter has Debian's packages, whatever else is called python3 on the PATH. */
const interpreters = ['/usr/bin/python3', 'python3']

function interpreterWith(modules: string): string | undefined {
  return interpreters.find((name) => spawnSync(name, ['-c', `import ${modules}`]).status === 0)
}

/** Debian's aiohttp, uvloop and httpx, those of them that are installed. */
export function pythonContenders(url: string, concurrency: number): Contender[] {
  return Object.entries(scripts).flatMap(([name, [modules, script, count]]) => {
    const python = interpreterWith(modules)
    if (python === undefined) return []
    const whole = `${script}\nasyncio.run(main())`
    return [{ name, round: () => run(python, whole, url, concurrency, count) }]
  })
}

/**
 * The interpreter's start is not part of the work: the operations are counted for all the time that
 * has passed, as if it had gone on at the speed it measured.
 */
async function run(
  python: string,
  script: string,
  url: string,
  concurrency: number,
  count: number
): Promise<number> {
  const start = process.hrtime.bigint()
  const child = spawn(python, ['-c', script, url, String(concurrency), String(count)], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await new Promise((resolve) => child.once('close', resolve))
  const passed = Number(process.hrtime.bigint() - start) / 1e9
  return (count * passed) / Number(output)
}
