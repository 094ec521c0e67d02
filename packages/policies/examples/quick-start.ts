import { circuitBreaker, compose, retry, timeout } from '@aplomb/policies'

// Outermost first: one second for everything, up to three retries, a breaker, 100 ms an attempt.
const policy = compose(
  timeout({ ms: 1000, phase: 'total' }),
  retry({ maxRetries: 3, backoff: { baseMs: 10 } }),
  circuitBreaker(),
  timeout({ ms: 100 })
)

const order = await policy.execute(({ signal, attempt }) => loadOrder(17, signal, attempt))
console.log(order)

/** Stands for a call over the network that fails twice: pass it the signal. */
async function loadOrder(id: number, signal: AbortSignal, attempt: number): Promise<object> {
  signal.throwIfAborted()
  if (attempt < 3) throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })
  return { id, attempt }
}
