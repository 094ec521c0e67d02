import type { MockRequest } from '../mock-request.ts'
import type { ServerSettings } from './options.ts'
import { RateLimit, type Violation } from './rate-limit.ts'

/** Asks the limits about each request, and remembers whom they turned away. */
export class Admission {
  readonly violations: Violation[] = []
  private readonly settings: ServerSettings
  private readonly limits: readonly RateLimit[]

  constructor(settings: ServerSettings) {
    this.settings = settings
    this.limits = settings.rateLimit.map((one) => new RateLimit(one))
  }

  /** False if a limit that covers the request has no room; `headers` gets what the limits say. */
  admit(request: MockRequest, now: number, headers: string[]): boolean {
    for (const limit of this.limits) {
      if (!limit.covers(request)) continue
      const key = limit.keyOf(request)
      const verdict = limit.judge(key, now, this.settings.clock.wallNow())
      headers.push(...verdict.headers)
      if (verdict.accepted) continue
      const { method, path } = request
      const { name: policy } = limit
      this.note({ at: now, method, path, policy, key, earlyMs: verdict.earlyMs })
      return false
    }
    return true
  }

  private note(violation: Violation): void {
    const { violations } = this
    violations.push(violation)
    if (violations.length > this.settings.keepCalls) violations.shift()
  }
}
