import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Random } from '@aplomb/kernel'
import { CallLog, type Call } from '../call.ts'
import type { Condition } from '../condition.ts'
import { drawLatency } from '../latency.ts'
import { MockRequest } from '../mock-request.ts'
import { MockScope } from '../mock-scope.ts'
import type { Plan } from '../plan.ts'
import { planFor } from '../reply.ts'
import type { Route } from '../route.ts'
import { Router } from '../router.ts'
import type { UrlInput } from '../url-pattern.ts'
import { Verbs } from '../verbs.ts'
import { resetSocket, WireExchange } from '../wire.ts'
import { Admission } from './admission.ts'
import { Capacity } from './capacity.ts'
import { FaultPlan } from './fault-plan.ts'
import { Listener } from './listener.ts'
import { randomOf, serverSettings, type MockServerOptions, type ServerSettings } from './options.ts'
import { notFoundPlan, overloadedPlan, tooManyPlan } from './problem.ts'
import type { Violation } from './rate-limit.ts'
import { readBody } from '../read-body.ts'
import { Tally, type ServerStatistics } from './statistics.ts'

/**
 * A real HTTP server on the loopback, with the routes and faults of the mocks: for integration
 * tests, demonstrations and measurements. Make one with `startMockServer`.
 */
export class MockServer extends Verbs {
  /** The last calls, `keepCalls` of them. */
  readonly calls: CallLog
  /** The last requests that came above a rate limit. */
  readonly violations: readonly Violation[]
  private readonly settings: ServerSettings
  private readonly random: Random
  private readonly listener: Listener
  private readonly router: Router
  private readonly faults: FaultPlan
  private readonly admission: Admission
  private readonly capacity: Capacity | undefined
  private readonly tally = new Tally()

  /** Prefer `startMockServer`, which also starts it. */
  constructor(options?: MockServerOptions) {
    super()
    const settings = serverSettings(options)
    this.settings = settings
    this.random = randomOf(settings)
    this.calls = new CallLog(settings.keepCalls)
    this.router = new Router(undefined, this.calls, settings.keepCalls)
    this.faults = new FaultPlan(settings.script, settings.faults, this.random)
    this.admission = new Admission(settings)
    this.violations = this.admission.violations
    this.capacity = settings.capacity && new Capacity(settings.capacity)
    this.listener = new Listener(settings, (request, response) => this.receive(request, response))
  }

  get port(): number {
    return this.listener.port
  }

  /** `http://127.0.0.1:43210` */
  get origin(): string {
    return this.listener.origin
  }

  /** What clients must trust (`ca`), as PEM; undefined without `tls`. */
  get certificate(): string | undefined {
    return this.settings.tls?.cert
  }

  /** The origin with a slash. */
  get url(): string {
    return `${this.origin}/`
  }

  /** What happened so far. */
  get statistics(): ServerStatistics {
    const { accepted, open } = this.listener
    return this.tally.snapshot(accepted, open)
  }

  override request(method: string | undefined, url: UrlInput, condition?: Condition): Route {
    return this.router.declare(this.router.base, method, url, condition)
  }

  /** The route that `as(name)` named. */
  route(name: string): Route {
    return this.router.named(name)
  }

  /** Routes that win over those here, until the scope is disposed of; what they left is no error. */
  scope(): MockScope {
    return new MockScope(this.router, false)
  }

  /** Routes never called, and sequences left over. */
  get unfinished(): readonly string[] {
    return this.router.routes.flatMap((route) => route.unfinished ?? [])
  }

  /** Forgets routes and calls; limits, faults and statistics go on. */
  reset(): void {
    this.router.reset()
  }

  /** Listens, on the same port as before if it was stopped. */
  async start(): Promise<void> {
    await this.listener.listen()
  }

  /** Stops listening and kills all connections: who connects now is refused. */
  async stop(): Promise<void> {
    await this.listener.stop()
  }

  /** Stops, stays away for `downMs` (default 0), and starts again on the same port. */
  async restart({ downMs = 0 }: { readonly downMs?: number } = {}): Promise<void> {
    await this.stop()
    await new Promise<void>((resolve) => void this.settings.clock.setTimer(resolve, downMs))
    await this.start()
  }

  /** Closes every open connection, by RST unless told otherwise; gives how many there were. */
  killConnections({ reset = true }: { readonly reset?: boolean } = {}): number {
    return this.listener.kill(reset)
  }

  /** Stops for good. */
  async close(): Promise<void> {
    await this.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  private receive(message: IncomingMessage, response: ServerResponse): void {
    // The limit counts arrivals, so the instant is that of the headers.
    const now = this.settings.clock.now()
    this.tally.begin()
    response.once('close', () => void this.tally.inFlight--)
    const { method = 'GET', url = '/', rawHeaders } = message
    const early = new MockRequest(method, this.origin, url, rawHeaders)
    const headers: string[] = []
    if (!this.admission.admit(early, now, headers)) {
      this.tally.violations++
      message.resume()
      this.carryOut(this.calls.open(early, now), tooManyPlan, response, headers)
      return
    }
    this.tally.accepted++
    readBody(message, (body) => {
      const request =
        body === undefined ? early : new MockRequest(method, this.origin, url, rawHeaders, body)
      this.queue(this.calls.open(request, now), response, headers)
    })
  }

  private queue(call: Call, response: ServerResponse, headers: string[]): void {
    const { capacity } = this
    if (capacity === undefined) return this.answer(call, response, headers)
    const entered = capacity.enter(() => {
      this.answer(call, response, headers, () => capacity.leave())
    })
    if (entered) return
    this.tally.overloaded++
    this.carryOut(call, overloadedPlan, response, headers)
  }

  private answer(call: Call, response: ServerResponse, headers: string[], done?: () => void): void {
    const plan = this.choose(call)
    if (!(plan instanceof Promise)) {
      this.carryOut(call, plan, response, headers, this.drawLatency(), done)
      return
    }
    plan.then(
      (plan) => this.carryOut(call, plan, response, headers, this.drawLatency(), done),
      (error: unknown) => {
        call.error = error
        resetSocket(response.socket)
        done?.()
      }
    )
  }

  /** The script, then chance, then the routes, then the fallback. */
  private choose(call: Call): Plan | Promise<Plan> {
    const scripted = this.faults.nextOfScript()
    if (scripted !== undefined) return planFor(scripted, call.request)
    const struck = this.faults.draw()
    if (struck !== undefined) return struck
    const plan = this.router.resolve(call)
    if (plan instanceof Promise) return plan.then((plan) => plan ?? this.fallBack(call))
    return plan ?? this.fallBack(call)
  }

  private fallBack(call: Call): Plan | Promise<Plan> {
    const { fallback } = this.settings
    if (fallback !== undefined) return planFor(fallback, call.request)
    return notFoundPlan(this.router.near(call.request))
  }

  private drawLatency(): number {
    const { latency } = this.settings
    return latency === 0 ? 0 : drawLatency(latency, this.random)
  }

  private carryOut(
    call: Call,
    plan: Plan,
    response: ServerResponse,
    headers: readonly string[],
    latencyMs = 0,
    done?: () => void
  ): void {
    const { clock } = this.settings
    call.plan = plan
    if (plan.label !== 'reply') this.tally.fault(plan.label)
    if (plan.connection === undefined && plan.endsAt !== 'start') this.tally.status(plan.status)
    const exchange = new WireExchange(plan, response, { clock, random: this.random }, () => {
      call.endedAt = clock.now()
      done?.()
    })
    exchange.start(latencyMs, headers)
  }
}

/** Starts a server; give it back with `close`, or take it with `await using`. */
export async function startMockServer(options?: MockServerOptions): Promise<MockServer> {
  const server = new MockServer(options)
  await server.start()
  return server
}
