import { Bare } from './bare.ts'
import type { WireBody } from './request-body.ts'

/** Remembers, over the attempts of one call, which endpoints of a service were tried. */
export interface EndpointMemory {
  /** There is, or may be, more than one attempt. */
  readonly isShared: boolean
  tried: Set<unknown> | undefined
  /** Those where an attempt of the call runs. */
  busy: Set<unknown> | undefined
}

/** The engine's options, all of them own, so that nothing is inherited. */
export class DispatchOptions extends Bare {
  origin: string
  path: string
  method: string
  headers: string[]
  body: WireBody
  idempotent: boolean
  bodyTimeout: number
  // Our own timers are exact and come with every attempt; the engine's are coarse.
  headersTimeout = 0
  query = undefined
  blocking = undefined
  upgrade = undefined
  reset = undefined
  expectContinue = undefined
  servername = undefined
  throwOnError = undefined
  maxRedirections = undefined
  typeOfService = undefined
  dispatcher = undefined
  /** For a balancing dispatcher of ours; the engine ignores it. */
  memory: EndpointMemory

  constructor(
    origin: string,
    wire: { path: string; method: string; headers: readonly string[]; safe: boolean },
    body: WireBody,
    idleMs: number,
    memory: EndpointMemory
  ) {
    super()
    this.origin = origin
    this.path = wire.path
    this.method = wire.method
    this.headers = wire.headers as string[]
    this.body = body
    this.idempotent = wire.safe
    this.bodyTimeout = idleMs
    this.memory = memory
  }
}
