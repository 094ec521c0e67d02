import { expect } from 'vitest'
import { fault } from '@aplomb/mocks'
import { test } from '@aplomb/mocks/vitest'

test.concurrent('a storm of ten minutes passes in milliseconds', async ({
  mocks,
  client,
  clock
}) => {
  const route = mocks
    .get('https://api.example.com/data')
    .sequence([fault.unavailable({ retryAfter: 600 }), fault.reset(), { json: { ok: true } }])

  const answer = client
    .get('https://api.example.com/data', {
      timeout: { totalMs: 3_600_000 },
      retry: { maxRetryAfterMs: 600_000 }
    })
    .json()
  await clock.runAll()

  expect(await answer).toEqual({ ok: true })
  expect(route).toHaveBeenRequested(3)
  expect(route).toHaveAnswered([503, 'reset', 200])
})

test.concurrent('beside it, another test has other answers', async ({ mocks }) => {
  mocks.get('https://api.example.com/data').respond({ text: 'mine' })
  expect(await (await fetch('https://api.example.com/data')).text()).toBe('mine')
})
