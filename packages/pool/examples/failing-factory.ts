import { createPool, PoolAcquireTimeoutError } from '@aplomb/pool'

let attempts = 0
const factory = {
  create: async () => {
    if (++attempts < 3) throw new Error('connect ECONNREFUSED')
    return { attempts }
  },
  destroy: async () => undefined
}

const pool = createPool(factory, { acquireTimeoutMs: 20, createBackoffMs: 50 })

// While creation fails, callers wait until their own time is up, and learn why.
try {
  await pool.acquire()
} catch (error) {
  if (!(error instanceof PoolAcquireTimeoutError)) throw error
  console.log(error.code, error.phase, (error.cause as Error).message)
}

// The pool tries again after a pause that doubles; one try at a time, whoever waits.
const lease = await pool.acquire({ timeoutMs: 5000 })
console.log('created at attempt', lease.resource.attempts)
lease.release()
await pool.close()
