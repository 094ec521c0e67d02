import type { FailureClass } from './classify.ts'
import { TimeWindow } from './time-window.ts'

/** The arithmetic of a retry budget. It never reads a clock. */
export interface Quota {
  request(now: number): void
  failure(): void
  success(cost: number): void
  withdraw(now: number, reason: FailureClass): number | undefined
  /** What is left, in the quota's own units. */
  available(now: number): number
}

interface ShareParameters {
  readonly ratio: number
  readonly minPerSecond: number
  readonly ttlMs: number
}

/** Sums of tenths fall short of whole numbers by so much. */
const rounding = 1e-9

const REQUESTS = 0
const RETRIES = 1

/** Retries up to a share of the requests, or `minPerSecond`, whichever is more. */
export class ShareQuota implements Quota {
  private readonly window: TimeWindow
  private readonly ratio: number
  private readonly floor: number
  private readonly floorBuckets: number

  constructor({ ratio, minPerSecond, ttlMs }: ShareParameters) {
    this.window = new TimeWindow(ttlMs, 2)
    this.ratio = ratio
    const bucketMs = ttlMs / 10
    // A second, or as long as it takes for one to be allowed.
    const spanMs = Math.max(1000, 1000 / minPerSecond)
    // The newest bucket is only begun, so one more is looked at than that time holds.
    this.floorBuckets = Math.min(10, Math.ceil(spanMs / bucketMs) + 1)
    this.floor = minPerSecond * Math.max(1, ((this.floorBuckets - 1) * bucketMs) / 1000)
  }

  request(now: number): void {
    this.window.add(now, REQUESTS, 1)
  }

  failure(): void {}

  success(): void {}

  withdraw(now: number): number | undefined {
    if (this.available(now) < 1) return undefined
    this.window.add(now, RETRIES, 1)
    return 1
  }

  available(now: number): number {
    const { window } = this
    const ofShare = this.ratio * window.total(now, REQUESTS) - window.total(now, RETRIES)
    const ofFloor = this.floor - window.recent(now, RETRIES, this.floorBuckets)
    return Math.max(0, Math.floor(Math.max(ofShare, ofFloor) + rounding))
  }
}

/**
 * Finagle's RetryBudget: each request deposits 1, each retry withdraws 1 / ratio, both forgotten
 * after the ttl, on top of a reserve that pays for `minPerSecond` retries.
 */
export class FinagleQuota implements Quota {
  private readonly window: TimeWindow
  private readonly price: number
  private readonly reserve: number

  constructor({ ratio, minPerSecond, ttlMs }: ShareParameters) {
    this.window = new TimeWindow(ttlMs, 1)
    // Without a share, a request deposits nothing worth having.
    this.price = ratio > 0 ? 1 / ratio : Number.MAX_SAFE_INTEGER
    this.reserve = this.price * minPerSecond * (ttlMs / 1000)
  }

  request(now: number): void {
    this.window.add(now, 0, 1)
  }

  failure(): void {}

  success(): void {}

  withdraw(now: number): number | undefined {
    if (this.available(now) < 1) return undefined
    this.window.add(now, 0, -this.price)
    return 1
  }

  available(now: number): number {
    const balance = this.reserve + this.window.total(now, 0)
    return Math.max(0, Math.floor(balance / this.price + rounding))
  }
}

/** The retry quota of the AWS SDKs' standard mode. */
export class TokenQuota implements Quota {
  private readonly capacity: number
  private readonly cost: number
  private readonly throttledCost: number
  private readonly refund: number
  private tokens: number

  constructor(options: {
    readonly capacity: number
    readonly cost: number
    readonly throttledCost: number
    readonly refund: number
  }) {
    this.capacity = options.capacity
    this.cost = options.cost
    this.throttledCost = options.throttledCost
    this.refund = options.refund
    this.tokens = options.capacity
  }

  request(): void {}

  failure(): void {}

  success(cost: number): void {
    this.tokens = Math.min(this.capacity, this.tokens + (cost > 0 ? cost : this.refund))
  }

  withdraw(_now: number, reason: FailureClass): number | undefined {
    const cost = reason === 'throttled' ? this.throttledCost : this.cost
    if (this.tokens < cost) return undefined
    this.tokens -= cost
    return cost
  }

  available(): number {
    return this.tokens
  }
}

/** gRPC's retry throttling (proposal A6), in thousandths of a token as there. */
export class GrpcQuota implements Quota {
  private readonly max: number
  private readonly ratio: number
  private thousandths: number

  constructor(options: { readonly maxTokens: number; readonly tokenRatio: number }) {
    this.max = options.maxTokens * 1000
    this.ratio = Math.round(options.tokenRatio * 1000)
    this.thousandths = this.max
  }

  request(): void {}

  failure(): void {
    this.thousandths = Math.max(0, this.thousandths - 1000)
  }

  success(): void {
    this.thousandths = Math.min(this.max, this.thousandths + this.ratio)
  }

  withdraw(): number | undefined {
    return this.thousandths > this.max / 2 ? 1 : undefined
  }

  available(): number {
    return this.thousandths / 1000
  }
}
