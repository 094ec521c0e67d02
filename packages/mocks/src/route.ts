import { invalidOptions } from '@aplomb/kernel'
import { CallLog, type Call } from './call.ts'
import { conditionOf, type Condition, type JoinedCondition } from './condition.ts'
import type { MockRequest } from './mock-request.ts'
import { emptyPlan, type Plan } from './plan.ts'
import { planFrom, planOf, replyProblems, type Reply, type ReplyFunction } from './reply.ts'
import type { UrlPattern } from './url-pattern.ts'

/** How often a route must be called: exactly, or between bounds. */
export type Times = number | { readonly min?: number; readonly max?: number }

type Step = Plan | ReplyFunction

const passThroughPlan = emptyPlan('pass-through', { passThrough: true })
const emptyReply = emptyPlan('reply', {})

/**
 * What answers some requests, and which. Until you say otherwise the answer is an empty 200, any
 * number of times, but at least once.
 */
export class Route {
  /** Undefined: any. */
  readonly method: string | undefined
  readonly pattern: UrlPattern
  /** The calls that this route answered. */
  readonly calls: CallLog
  private readonly condition: JoinedCondition | undefined
  private label: string | undefined = undefined
  private steps: readonly Step[] = [emptyReply]
  private isSequence = false
  private taken = 0
  private min = 1
  private max: number = Number.POSITIVE_INFINITY

  /** Prefer `api.get`, `api.post` … */
  constructor(
    method: string | undefined,
    pattern: UrlPattern,
    condition?: Condition,
    callLimit?: number
  ) {
    this.method = method
    this.pattern = pattern
    this.condition = condition === undefined ? undefined : conditionOf(condition)
    this.calls = new CallLog(callLimit)
  }

  /**
   * Answers with this from now on.
   *
   * @throws OptionsError for what cannot be a reply.
   */
  respond(reply: Reply): this {
    this.setSteps([reply], 'respond')
    this.isSequence = false
    return this
  }

  /**
   * Answers with each of these once, in order, and then takes no more requests. What is left over
   * fails a strict test.
   *
   * @throws OptionsError for what cannot be a reply.
   */
  sequence(replies: readonly Reply[]): this {
    this.setSteps(replies, 'sequence')
    this.isSequence = true
    this.min = Math.min(this.min, replies.length)
    return this
  }

  /** How often this route must be called, and is open to calls. */
  times(times: Times): this {
    const { min = 0, max = Number.POSITIVE_INFINITY } =
      typeof times === 'number' ? { min: times, max: times } : times
    if (!(min >= 0 && max >= min)) {
      throw invalidOptions('times', [`min ${min} and max ${max} must be 0 or more, in this order`])
    }
    this.min = min
    this.max = max
    return this
  }

  /** It is fine if this route is never called, or its sequence is left over. */
  optional(): this {
    this.min = 0
    return this
  }

  /** Hands the requests to the real network. */
  passThrough(): this {
    this.steps = [passThroughPlan]
    this.isSequence = false
    return this
  }

  /** Gives the route a name, for messages and for `api.route(name)`. */
  as(name: string): this {
    this.label = name
    return this
  }

  get called(): boolean {
    return this.taken > 0
  }

  get callCount(): number {
    return this.taken
  }

  get name(): string {
    return this.label ?? `${this.method ?? 'ANY'} ${this.pattern.text}`
  }

  /** Used by the router: it may take this request, and has a reply left. */
  takes(request: MockRequest): boolean {
    if (this.method !== undefined && this.method !== request.method) return false
    if (this.isUsedUp) return false
    const params = this.pattern.match(request)
    if (params === undefined) return false
    request.params = params
    return this.condition === undefined || this.condition.accepts(request)
  }

  /** Used by the router: notes the call and gives what to do with it. */
  take(call: Call): Plan | Promise<Plan> {
    const step = this.nextStep as Step
    this.taken++
    this.calls.add(call)
    call.route = this.name
    return typeof step === 'function' ? planFrom(step, call.request) : step
  }

  /** Used by the router: what the next call gets, where that is known beforehand. */
  get nextPlan(): Plan | undefined {
    const step = this.nextStep
    return typeof step === 'function' ? undefined : step
  }

  /** Used by the router: what a request differs in; empty where only the count is in the way. */
  differences(request: MockRequest): string[] {
    const found: string[] = []
    if (this.method !== undefined && this.method !== request.method) {
      found.push(`method is ${request.method}, expected ${this.method}`)
    }
    found.push(...this.pattern.differences(request))
    request.params = this.pattern.match(request) ?? {}
    found.push(...(this.condition?.differences(request) ?? []))
    if (this.isUsedUp) found.push(this.usedUpText)
    return found
  }

  /** Used by the router: what is left undone, in words. */
  get unfinished(): string | undefined {
    if (this.taken < this.min && !(this.isSequence && this.taken > 0)) {
      if (this.taken === 0) return `${this.name} was never called`
      return `${this.name} was called ${timesText(this.taken)}, expected ${timesText(this.min)}`
    }
    const left = this.isSequence && this.min > 0 ? this.steps.length - this.taken : 0
    if (left <= 0) return undefined
    return `${this.name} has ${left} of ${this.steps.length} replies of its sequence left over`
  }

  private get isUsedUp(): boolean {
    return this.taken >= this.max || (this.isSequence && this.taken >= this.steps.length)
  }

  private get usedUpText(): string {
    if (this.taken >= this.max) return `it takes ${timesText(this.max)} only, and was called`
    return `its sequence of ${this.steps.length} is used up`
  }

  private get nextStep(): Step | undefined {
    return this.isSequence ? this.steps[this.taken] : this.steps[0]
  }

  private setSteps(replies: readonly Reply[], owner: string): void {
    const issues = replies.flatMap((reply, index) => replyProblems(reply, `reply ${index + 1}`))
    if (issues.length > 0) throw invalidOptions(owner, issues)
    this.steps = replies.map((reply) => stepOf(reply))
  }
}

/** A `Response` is read anew for each call. */
function stepOf(reply: Reply): Step {
  if (typeof reply === 'function') return reply
  if (reply instanceof Response) return () => reply.clone()
  return planOf(reply) as Plan
}

function timesText(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}
