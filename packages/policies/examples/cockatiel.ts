import { compose, fromCockatiel, retry, toCockatiel } from '@aplomb/policies'
import { ConsecutiveBreaker, circuitBreaker, handleAll, wrap } from 'cockatiel'

const theirs = circuitBreaker(handleAll, {
  halfOpenAfter: 1000,
  breaker: new ConsecutiveBreaker(5)
})
const ours = retry({ maxRetries: 2, backoff: 5 })

// Ours in theirs, and theirs in ours.
console.log(await wrap(toCockatiel(ours), theirs).execute(async () => 'wrapped'))
console.log(await compose(ours, fromCockatiel(theirs)).execute(async () => 'composed'))
