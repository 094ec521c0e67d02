import {
  clockOption,
  fields,
  resolveOptions,
  type Clock,
  type Field,
  type Random,
  type Report
} from '@aplomb/kernel'
import { seededRandom } from '@aplomb/kernel/testing'
import { isFault, type Fault } from '../fault.ts'
import type { Latency } from '../latency.ts'
import { replyProblems, type Reply } from '../reply.ts'
import type { CapacityOptions } from './capacity.ts'
import type { RateLimitOptions } from './rate-limit.ts'
import { selfSigned, type CertificateOptions, type KeyAndCertificate } from './self-signed.ts'

/** A fault that strikes some of the requests. */
export interface FaultChance {
  readonly fault: Fault
  /** From 0 to 1; all together at most 1. */
  readonly probability: number
}

export interface MockServerOptions {
  /** Default: 0, a free one. */
  readonly port?: number
  /** Default: `127.0.0.1`. */
  readonly host?: string
  /**
   * Speak HTTPS, with a fresh certificate of our own, or with yours. Clients trust it by
   * `server.certificate`. Default: false.
   */
  readonly tls?: boolean | CertificateOptions | KeyAndCertificate
  /** Answers what no route takes. Default: 404 with the closest routes as problem details. */
  readonly fallback?: Reply
  /** Time before each answer, in milliseconds or as a distribution. Default: 0. */
  readonly latency?: Latency
  /** What strikes by chance. Default: nothing. */
  readonly faults?: readonly FaultChance[]
  /**
   * What the first requests get, in order, before anything else is asked; undefined leaves one to
   * the routes. Default: empty.
   */
  readonly script?: readonly (Reply | undefined)[]
  /** Strict sliding windows; several may cover a request. Default: none. */
  readonly rateLimit?: RateLimitOptions | readonly RateLimitOptions[]
  /** Default: as many at once as come. */
  readonly capacity?: CapacityOptions
  /** How many calls and violations are kept. Default: 10,000. */
  readonly keepCalls?: number
  /** The seed of all chance. Default: 1, so that every run is the same. */
  readonly seed?: number
  /** Where chance comes from. Default: a generator with the seed. */
  readonly random?: Random
  /** Default: the machine's clock. */
  readonly clock?: Clock
}

/** All options, filled in. */
export interface ServerSettings {
  readonly port: number
  readonly host: string
  readonly tls: KeyAndCertificate | undefined
  readonly fallback: Reply | undefined
  readonly latency: Latency
  readonly faults: readonly FaultChance[]
  readonly script: readonly (Reply | undefined)[]
  readonly rateLimit: readonly RateLimitOptions[]
  readonly capacity: CapacityOptions | undefined
  readonly keepCalls: number
  readonly seed: number
  readonly random: Random | undefined
  readonly clock: Clock
}

export const latencyField: Field<Latency> = fields.custom(
  'milliseconds, 0 or more, or a distribution',
  (value) => typeof value === 'function' || (typeof value === 'number' && value >= 0),
  0
)

const replyField: Field<Reply | undefined> = {
  resolve(value, path, report) {
    if (value !== undefined) for (const issue of replyProblems(value, path)) report('', issue)
    return value as Reply | undefined
  }
}

const tlsField: Field<KeyAndCertificate | undefined> = {
  resolve(value, path, report) {
    if (value === undefined || value === false) return undefined
    if (value === true) return selfSigned({})
    if (typeof value === 'object' && value !== null) {
      return 'key' in value ? (value as KeyAndCertificate) : selfSigned(value)
    }
    report(path, 'must be a boolean, { names, expired } or { key, cert }')
    return undefined
  }
}

const scriptField: Field<readonly (Reply | undefined)[]> = {
  resolve(value = [], path, report) {
    const list = value as readonly unknown[]
    if (!Array.isArray(list)) report(path, 'must be an array')
    else list.forEach((step, index) => void replyField.resolve(step, `${path}.${index}`, report))
    return list as readonly (Reply | undefined)[]
  }
}

const rateLimitField: Field<readonly RateLimitOptions[]> = {
  resolve(value, path, report) {
    const list: unknown[] = value === undefined ? [] : [value].flat()
    for (const [index, one] of list.entries()) {
      const at = Array.isArray(value) ? `${path}.${index}` : path
      const { limit, windowMs = 1000 } = (one ?? {}) as Partial<RateLimitOptions>
      fields.required(fields.integer(1, { min: 1, max: 1e7 })).resolve(limit, `${at}.limit`, report)
      fields.number(1000, { min: 1 }).resolve(windowMs, `${at}.windowMs`, report)
    }
    return list as readonly RateLimitOptions[]
  }
}

const faultsField: Field<readonly FaultChance[]> = {
  resolve(value = [], path, report) {
    const list = value as readonly FaultChance[]
    if (!Array.isArray(list)) {
      report(path, 'must be an array of { fault, probability }')
      return []
    }
    checkChances(list, path, report)
    return list
  }
}

const capacityField: Field<CapacityOptions | undefined> = {
  resolve(value, path, report) {
    if (value === undefined) return undefined
    const { concurrency, maxQueue } = value as Partial<CapacityOptions>
    const count = fields.required(fields.integer(1, { min: 1 }))
    count.resolve(concurrency, `${path}.concurrency`, report)
    fields.integer(0).resolve(maxQueue, `${path}.maxQueue`, report)
    return value as CapacityOptions
  }
}

/** @throws OptionsError with every problem. */
export function serverSettings(input: MockServerOptions | undefined): ServerSettings {
  return resolveOptions<ServerSettings>('startMockServer', input, {
    port: fields.integer(0, { max: 65_535 }),
    host: fields.string('127.0.0.1'),
    tls: tlsField,
    fallback: replyField,
    latency: latencyField,
    faults: faultsField,
    script: scriptField,
    rateLimit: rateLimitField,
    capacity: capacityField,
    keepCalls: fields.integer(10_000, { min: 1 }),
    seed: fields.number(1, { min: Number.MIN_SAFE_INTEGER }),
    random: fields.callback<Random | undefined>(undefined),
    clock: clockOption
  })
}

export function randomOf({ random, seed }: ServerSettings): Random {
  return random ?? seededRandom(seed)
}

function checkChances(list: readonly FaultChance[], path: string, report: Report): void {
  let sum = 0
  for (const [index, chance] of list.entries()) {
    const at = `${path}.${index}`
    if (!isFault(chance?.fault)) report(`${at}.fault`, 'must be a fault')
    sum += fields.number(0, { max: 1 }).resolve(chance?.probability, `${at}.probability`, report)
  }
  if (sum > 1 + Number.EPSILON) report(path, `the probabilities add up to ${sum}, above 1`)
}
