import { deadline, retry } from '@aplomb/policies'

const retrying = retry({ backoff: 400, maxRetries: 10 })

// 100 ms for all that happens inside. Nobody hands the deadline to the retry, yet it knows that
// the wait of 400 ms would pass it, and gives up at once.
try {
  await deadline({ ms: 100 }).execute(() =>
    retrying.execute(async () => {
      throw new Error('not now')
    })
  )
} catch (error) {
  console.log((error as { code: string; reason: string }).reason)
}
