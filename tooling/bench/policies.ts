// What the policies cost round an async function that does nothing, against a bare await of it and
// against the peers. Bars: standard with all six at most 11 bare awaits (aim: 7), timeout at most 3.
import {
  circuitBreaker,
  compose,
  hedge,
  retry,
  retryBudget,
  standard,
  standardHedging,
  timeout,
  type Policy
} from '@aplomb/policies'
import * as cockatiel from 'cockatiel'
import CircuitBreaker from 'opossum'
import pRetry from 'p-retry'
import { ask, sequence, type Answer, type Contender } from './harness.ts'

const COUNT = 100_000
const LIMITLESS = 1e9

const operation = async (): Promise<number> => 1

function contender(name: string, call: () => Promise<unknown>, count = COUNT): Contender {
  return { name, round: sequence(call, count) }
}

function ours(name: string, policy: Policy): Contender {
  return contender(name, () => policy.execute(operation))
}

const bare = contender('bare await', operation)

/** A rate that never refuses, so that only its cost is seen. */
const rate = { limit: LIMITLESS, perMs: 1000, algorithm: 'gcra', burst: LIMITLESS } as const

function cockatielsFour(...more: cockatiel.IPolicy[]): cockatiel.IPolicy {
  return cockatiel.wrap(
    cockatiel.bulkhead(1000, LIMITLESS),
    cockatiel.retry(cockatiel.handleAll, { maxAttempts: 3 }),
    cockatiel.circuitBreaker(cockatiel.handleAll, {
      halfOpenAfter: 5000,
      breaker: new cockatiel.SamplingBreaker({ threshold: 0.1, duration: 30_000 })
    }),
    ...more
  )
}

export default async function policies(): Promise<Answer[]> {
  const theirTimeout = cockatiel.timeout(10_000, cockatiel.TimeoutStrategy.Aggressive)
  const withoutTimeout = cockatielsFour()
  const withTimeout = cockatielsFour(theirTimeout)
  const opossum = new CircuitBreaker(operation, { timeout: 10_000 })
  const opossumWithout = new CircuitBreaker(operation, { timeout: false })
  return [
    await ask({
      title: 'A stack of policies round an async no-op',
      baseline: 'bare await',
      contenders: [
        bare,
        ours('standard, all six', standard({ limits: { rate } })),
        ours('standard, the default five', standard()),
        contender('cockatiel wrap of three', () => withoutTimeout.execute(operation)),
        contender('cockatiel wrap of four', () => withTimeout.execute(operation), COUNT / 10),
        contender('opossum with timeout', () => opossum.fire()),
        contender('opossum', () => opossumWithout.fire())
      ]
    }),
    await ask({
      title: 'One policy round an async no-op',
      baseline: 'bare await',
      contenders: [
        bare,
        ours('timeout', timeout({ ms: 10_000 })),
        contender('cockatiel timeout', () => theirTimeout.execute(operation), COUNT / 10),
        ours('retry', retry()),
        ours('retry with budget', retry({ budget: retryBudget() })),
        contender('p-retry', () => pRetry(operation)),
        ours('circuitBreaker', circuitBreaker()),
        ours('compose of nothing', compose())
      ]
    }),
    await ask({
      title: 'Hedging round an async no-op',
      baseline: 'bare await',
      contenders: [
        bare,
        ours('hedge', hedge()),
        ours('standardHedging, all six', standardHedging({ limits: { rate } }))
      ]
    })
  ]
}
