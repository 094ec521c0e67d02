import { adaptiveConcurrency } from '@aplomb/limits'

const limiter = adaptiveConcurrency({
  algorithm: 'gradient2',
  initialLimit: 4,
  onLimit: (limit, previous) => console.log('limit', previous, '→', limit)
})

// A server that answers in 5 ms however many ask: the limit grows while it is used up.
const ask = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 5))
const caller = async (): Promise<void> => {
  for (let count = 0; count < 40; count++) await limiter.execute(ask)
}
await Promise.all(Array.from({ length: 10 }, caller))
console.log(limiter.limit > 4, limiter.rttMs >= 5)
