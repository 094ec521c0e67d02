import {
  enterMocks,
  joinMocks,
  leaveMocks,
  mocksHere,
  runWithMocks,
  type ActiveMocks
} from './active.ts'
import { CallLog, type Call } from './call.ts'
import type { Condition } from './condition.ts'
import { MockDispatcher, type DispatcherTimeouts } from './dispatcher.ts'
import { MocksUnfinishedError, type UnmatchedRequestError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { MockRequest } from './mock-request.ts'
import {
  anyPathPattern,
  mockSettings,
  type MockHttpOptions,
  type MockSettings
} from './mock-options.ts'
import { MockScope } from './mock-scope.ts'
import { mswResponder, toMswHandler, type HttpHandler, type MswHandler } from './msw.ts'
import { emptyPlan, type Plan } from './plan.ts'
import { Recording, replayRoutes } from './recording.ts'
import { Redaction, type RedactOptions } from './redact.ts'
import { Route } from './route.ts'
import { Router } from './router.ts'
import { installSockets } from './sockets.ts'
import { originOf, urlPattern, type UrlInput, type UrlPattern } from './url-pattern.ts'
import { Verbs } from './verbs.ts'

const passThroughPlan = emptyPlan('pass-through', { passThrough: true })

/** The mocks of one test. Make them with `mockHttp`. */
export class MockHttp extends Verbs implements ActiveMocks, Disposable {
  readonly outer: ActiveMocks | undefined
  private apart: boolean
  /** Every request that came here, in order. */
  readonly calls: CallLog
  private readonly router: Router
  private readonly settings: MockSettings
  private readonly origin: string | undefined
  private readonly free: readonly UrlPattern[]
  private readonly releaseSockets: (() => void) | undefined
  private ownDispatcher: MockDispatcher | undefined = undefined
  private isOver = false

  /** Prefer `mockHttp`. */
  constructor(origin?: string, input?: MockHttpOptions) {
    super()
    const options = mockSettings(input)
    this.settings = options
    this.origin = origin === undefined ? undefined : originOf(origin)
    this.outer = mocksHere()
    this.apart = options.isolated || this.outer?.isolated === true
    this.calls = new CallLog(options.keepCalls)
    this.router = new Router(this.origin, this.calls, options.keepCalls)
    this.free = options.passThrough.map((url) => anyPathPattern(url))
    joinMocks(this)
    this.releaseSockets = options.sockets ? installSockets() : undefined
  }

  /** Called by the transports. */
  get isolated(): boolean {
    return this.apart
  }

  /** From now on, take only requests of the code that these mocks surround. */
  isolate(): void {
    this.apart = true
  }

  get strict(): boolean {
    return this.settings.strict
  }

  get disposed(): boolean {
    return this.isOver
  }

  /** For undici's clients: the fast transport, and alone in knowing these mocks only. */
  get dispatcher(): MockDispatcher {
    this.ownDispatcher ??= this.createDispatcher()
    return this.ownDispatcher
  }

  /** A dispatcher with timeouts of its own. */
  createDispatcher(timeouts: DispatcherTimeouts = {}): MockDispatcher {
    const { clock } = this.settings
    return new MockDispatcher(() => this, { origin: this.origin, clock, ...timeouts })
  }

  /** Requests that nobody took, whether or not the code told of them. */
  get unmatched(): readonly UnmatchedRequestError[] {
    return this.router.unmatched
  }

  /** All routes, those of open scopes included. */
  get routes(): readonly Route[] {
    return this.router.routes
  }

  override request(method: string | undefined, url: UrlInput, condition?: Condition): Route {
    return this.router.declare(this.router.base, method, url, condition)
  }

  /** The route that `as(name)` named. */
  route(name: string): Route {
    return this.router.named(name)
  }

  /** Routes that win over those here, until the scope is disposed of. */
  scope(): MockScope {
    return new MockScope(this.router, this.settings.strict)
  }

  /** Lets handlers of msw answer what no route declared later takes. */
  use(...handlers: readonly MswHandler[]): void {
    this.router.base.entries.push(mswResponder(handlers))
  }

  /** These routes as a handler for `setupServer` or `setupWorker` of msw. */
  mswHandlers(): HttpHandler[] {
    return [toMswHandler((request) => this.offer(request))]
  }

  /**
   * Sends what no route takes to the network and notes the answers, for `replay`; the file is
   * written by `save`, or at the end of the recording's block. Secrets are left out.
   */
  record(file: string, redact?: RedactOptions): Recording {
    const recording = new Recording(file, new Redaction(redact))
    const route = new Route(undefined, urlPattern(/^/, undefined), undefined)
    route.optional().respond((request) => recording.ask(request))
    this.router.base.entries.unshift(route.as(`recording to ${file}`))
    return recording
  }

  /**
   * Answers as recorded: a request by its method, address and body, secrets apart.
   *
   * @throws OptionsError for a file that is not a recording.
   */
  replay(file: string, redact?: RedactOptions): void {
    this.router.base.entries.unshift(...replayRoutes(file, new Redaction(redact)))
  }

  /** What is left undone or went wrong; empty if all is well. */
  get issues(): readonly string[] {
    return [
      ...this.router.unmatched.map((error) => error.message),
      ...this.router.routes.flatMap((route) => route.unfinished ?? [])
    ]
  }

  /** @throws MocksUnfinishedError when something is left undone, or a request went unmatched. */
  verify(): void {
    const { issues } = this
    if (issues.length > 0) throw new MocksUnfinishedError(issues)
  }

  /** Runs work whose requests belong to these mocks, wherever it was started. */
  run<T>(work: () => T): T {
    return runWithMocks(this, work)
  }

  /** Forgets routes, calls and what went wrong. */
  reset(): void {
    this.router.reset()
  }

  /** @throws MocksUnfinishedError when strict and something is left undone. */
  [Symbol.dispose](): void {
    if (this.isOver) return
    this.close()
    if (this.settings.strict) this.verify()
  }

  /** Like the end of the block, without the judgement. */
  close(): void {
    if (this.isOver) return
    this.isOver = true
    leaveMocks(this)
    this.releaseSockets?.()
    if (this.ownDispatcher !== undefined) void this.ownDispatcher.close()
  }

  /** Called by the transports. */
  handle(request: MockRequest): Exchange | Promise<Exchange> {
    const call = this.calls.open(request, this.settings.clock.now())
    const plan = this.router.resolve(call)
    if (plan instanceof Promise) return this.handleLater(call, plan)
    if (plan !== undefined) return { call, tools: this.settings, plan }
    return this.handleOutside(call)
  }

  /** Called by the transports. */
  offer(request: MockRequest): Exchange | undefined | Promise<Exchange | undefined> {
    const call = this.calls.open(request, this.settings.clock.now())
    const plan = this.router.resolve(call)
    if (plan instanceof Promise) return this.offerLater(call, plan)
    if (plan !== undefined) return { call, tools: this.settings, plan }
    this.calls.remove(call)
    return undefined
  }

  /** Called by the transports. */
  foresee(request: MockRequest): Plan | undefined {
    const plan = this.router.foresee(request)
    if (plan !== undefined || this.outer === undefined || this.outer.disposed) return plan
    return this.outer.foresee(request)
  }

  private async handleLater(call: Call, pending: Promise<Plan | undefined>): Promise<Exchange> {
    try {
      const plan = await pending
      return plan === undefined
        ? await this.handleOutside(call)
        : { call, tools: this.settings, plan }
    } catch (error) {
      return { call, tools: this.settings, error }
    }
  }

  private async offerLater(
    call: Call,
    pending: Promise<Plan | undefined>
  ): Promise<Exchange | undefined> {
    try {
      const plan = await pending
      if (plan !== undefined) return { call, tools: this.settings, plan }
    } catch (error) {
      return { call, tools: this.settings, error }
    }
    this.calls.remove(call)
    return undefined
  }

  /** Nobody here takes it: the mocks around this one, then the list of free addresses. */
  private handleOutside(call: Call): Exchange | Promise<Exchange> {
    for (let outer = this.outer; outer !== undefined; outer = outer.outer) {
      if (outer.disposed) continue
      const offered = outer.offer(call.request)
      if (offered instanceof Promise) {
        return offered.then((one) => (one === undefined ? this.refuse(call) : noteOuter(call, one)))
      }
      if (offered !== undefined) return noteOuter(call, offered)
    }
    return this.refuse(call)
  }

  private refuse(call: Call): Exchange {
    const { request } = call
    const { settings: tools } = this
    if (this.free.some((pattern) => pattern.match(request) !== undefined)) {
      return { call, tools, plan: passThroughPlan }
    }
    return { call, tools, error: this.router.refuse(request) }
  }
}

/**
 * Mocks HTTP for the code that goes on from here, whichever client it uses; take it with `using`.
 * Paths are below `origin`; without one, routes name whole addresses or match on any origin.
 *
 * @throws OptionsError with every problem.
 */
export function mockHttp(origin?: string, options?: MockHttpOptions): MockHttp {
  const mocks = new MockHttp(origin, options)
  enterMocks(mocks)
  return mocks
}

/** The inner log tells too what the outer mocks did. */
function noteOuter(call: Call, exchange: Exchange): Exchange {
  call.route = exchange.call.route
  call.plan = exchange.plan
  return exchange
}
