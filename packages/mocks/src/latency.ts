import type { Random } from '@aplomb/kernel'

/** A time in milliseconds drawn anew for each request. */
export type Latency = number | ((random: Random) => number)

/** Distributions of response times; each is a value for every `delayMs` and `latency`. */
export const latency: {
  /** Every time from `minMs` to `maxMs` as likely as any other. */
  uniform(minMs: number, maxMs: number): Latency
  /** Memoryless: short times are common and long ones rare. */
  exponential(meanMs: number): Latency
  /** The usual shape of services, given by its median and its 99th percentile. */
  logNormal(medianMs: number, p99Ms: number): Latency
  /** `slowMs` with the given probability, else `fastMs`. */
  bimodal(fastMs: Latency, slowMs: Latency, slowProbability: number): Latency
} = {
  uniform: (minMs, maxMs) => (random) => minMs + random() * (maxMs - minMs),
  exponential: (meanMs) => (random) => -Math.log(1 - random()) * meanMs,
  logNormal(medianMs, p99Ms) {
    const sigma = Math.log(p99Ms / medianMs) / NORMAL_P99
    return (random) => medianMs * Math.exp(sigma * normal(random))
  },
  bimodal: (fastMs, slowMs, slowProbability) => (random) =>
    drawLatency(random() < slowProbability ? slowMs : fastMs, random)
}

/** The 99th percentile of the standard normal distribution. */
const NORMAL_P99 = 2.326_347_87

/** One time of the distribution, never below 0. */
export function drawLatency(from: Latency, random: Random): number {
  return Math.max(0, typeof from === 'number' ? from : from(random))
}

/** A standard normal number (Box and Muller 1958). */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
