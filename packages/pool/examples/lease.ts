import { createPool } from '@aplomb/pool'

let opened = 0
const factory = {
  create: async () => ({ id: ++opened, query: async (text: string) => `${text}: ok` }),
  destroy: async () => undefined
}

const pool = createPool(factory, { name: 'example', min: 1, max: 2, acquireTimeoutMs: 5000 })
await pool.warmUp()

// Lent for as long as the body runs, and given back whatever happens in it.
console.log(await pool.use((connection) => connection.query('select 1')))

// By hand, with a way out for the caller. `await using lease = …` does the same as the `finally`.
const caller = new AbortController()
const lease = await pool.acquire({ signal: caller.signal, priority: 1 })
try {
  console.log(await lease.resource.query('select 2'))
} finally {
  lease.release()
}

const { size, idle, totalAcquired } = pool.statistics()
console.log({ size, idle, totalAcquired })
console.log('all came back in time:', await pool.close({ timeoutMs: 1000 }))
