import { offload } from '@aplomb/tasks'

// `primes.ts` exports `default function primes(limit: number): number`. It runs on a thread.
const count = await offload<number>(new URL('./primes.ts', import.meta.url), 100_000, {
  timeoutMs: 10_000
})
console.log(`${count} primes`)
