import { rateLimiter } from '@aplomb/limits'

// At most 3 in any tenth of a second, and 50 in any minute: both must allow a call.
const limiter = rateLimiter(['3/100ms', '50/min'])

const start = performance.now()
const call = async (name: string): Promise<void> => {
  await limiter.acquire()
  console.log(name, performance.now() - start < 90 ? 'at once' : 'a window later')
}
await Promise.all(['a', 'b', 'c', 'd', 'e'].map(call))

// What cannot be granted in time is refused at once, and says when it could be.
await limiter.acquire({ weight: 3 })
try {
  await limiter.acquire({ timeoutMs: 20 })
} catch (error) {
  const { code, retryAfterMs } = error as { code: string; retryAfterMs: number }
  console.log(code, retryAfterMs > 20)
}
