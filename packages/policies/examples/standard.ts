import { explain, RetriesExhaustedError, standard } from '@aplomb/policies'

// Total timeout, concurrency, retry with budget, breaker, rate limit, attempt timeout.
const policy = standard({
  timeout: { totalMs: 2000, attemptMs: 500 },
  limits: { concurrency: 50, rate: '100/s' },
  retry: { maxRetries: 1, backoff: 5, name: 'orders' }
})

try {
  await policy.execute(async () => {
    throw Object.assign(new Error('Service Unavailable'), { status: 503 })
  })
} catch (error) {
  if (!(error instanceof RetriesExhaustedError)) throw error
  console.log(error.code, error.reason, error.attempts.length)
  for (const { policy, what, reason } of explain(error)) console.log(policy, what, reason)
}
