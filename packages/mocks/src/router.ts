import type { Call, CallLog } from './call.ts'
import type { Condition } from './condition.ts'
import { MocksUnfinishedError, UnmatchedRequestError, type NearMiss } from './errors.ts'
import { nearMisses } from './mismatch.ts'
import type { MockRequest } from './mock-request.ts'
import type { Plan } from './plan.ts'
import { Route } from './route.ts'
import { urlPattern, type UrlInput } from './url-pattern.ts'

/** Something other than a route that may answer, such as a handler of msw's. */
export interface Responder {
  /** The plan for the request, or undefined to leave it to others. */
  respond(request: MockRequest): Promise<Plan | undefined>
}

/** Routes of one test, or of one block of it. */
export class Layer {
  readonly entries: (Route | Responder)[] = []

  get routes(): Route[] {
    return this.entries.filter((entry) => entry instanceof Route)
  }

  get unfinished(): string[] {
    return this.routes.flatMap((route) => route.unfinished ?? [])
  }
}

/** Finds who answers: the innermost layer first, and in it the route declared last. */
export class Router {
  readonly calls: CallLog
  /** Every request that nobody took, for the end of the test. */
  readonly unmatched: UnmatchedRequestError[] = []
  private readonly origin: string | undefined
  private readonly callLimit: number | undefined
  private layers: Layer[] = [new Layer()]

  constructor(origin: string | undefined, calls: CallLog, callLimit?: number) {
    this.origin = origin
    this.calls = calls
    this.callLimit = callLimit
  }

  get base(): Layer {
    return this.layers[0]!
  }

  get routes(): Route[] {
    return this.layers.flatMap((layer) => layer.routes)
  }

  /** @throws MocksUnfinishedError when there is none. */
  named(name: string): Route {
    const found = this.routes.findLast((route) => route.name === name)
    if (found === undefined) throw new MocksUnfinishedError([`no route is named ${name}`])
    return found
  }

  pushLayer(): Layer {
    const layer = new Layer()
    this.layers.push(layer)
    return layer
  }

  dropLayer(layer: Layer): void {
    this.layers = this.layers.filter((other) => other !== layer)
  }

  declare(layer: Layer, method: string | undefined, url: UrlInput, condition?: Condition): Route {
    const pattern = urlPattern(url, this.origin)
    const route = new Route(method?.toUpperCase(), pattern, condition, this.callLimit)
    layer.entries.push(route)
    return route
  }

  /** Forgets all routes, calls and unmatched requests. */
  reset(): void {
    this.layers = [new Layer()]
    this.calls.clear()
    this.unmatched.length = 0
  }

  /** The plan for a call; undefined where nobody takes it. At once unless someone must be asked. */
  resolve(call: Call): Plan | undefined | Promise<Plan | undefined> {
    for (let layer = this.layers.length - 1; layer >= 0; layer--) {
      const { entries } = this.layers[layer]!
      for (let index = entries.length - 1; index >= 0; index--) {
        const entry = entries[index]!
        if (!(entry instanceof Route)) return this.ask(call, layer, index)
        if (entry.takes(call.request)) return entry.take(call)
      }
    }
    return undefined
  }

  /** What a request would get, without taking it; undefined where that is not known beforehand. */
  foresee(request: MockRequest): Plan | undefined {
    for (const layer of this.layers.toReversed()) {
      for (const entry of layer.entries.toReversed()) {
        if (!(entry instanceof Route)) return undefined
        if (entry.takes(request)) return entry.nextPlan
      }
    }
    return undefined
  }

  /** The closest routes, and what differs. */
  near(request: MockRequest): NearMiss[] {
    return nearMisses(request, this.routes)
  }

  /** Makes and remembers the error for a request that nobody takes. */
  refuse(request: MockRequest): UnmatchedRequestError {
    const error = new UnmatchedRequestError(request.method, request.url, this.near(request))
    this.unmatched.push(error)
    return error
  }

  /** The slow way, from a responder on down: each is asked in turn. */
  private async ask(call: Call, layer: number, index: number): Promise<Plan | undefined> {
    const entries = this.layers.slice(0, layer).flatMap((lower) => lower.entries)
    entries.push(...this.layers[layer]!.entries.slice(0, index + 1))
    for (const entry of entries.toReversed()) {
      if (entry instanceof Route) {
        if (entry.takes(call.request)) return await entry.take(call)
        continue
      }
      const plan = await entry.respond(call.request)
      if (plan !== undefined) return plan
    }
    return undefined
  }
}
