import type { Context, Door, Operation, Policy } from '@aplomb/kernel'
import {
  resolveBreakerOptions,
  type CircuitBreakerOptions,
  type ResolvedBreakerOptions
} from './breaker-options.ts'
import type { BreakerState } from './breaker-state.ts'
import { Circuit, type CircuitPass } from './circuit.ts'
import { refused } from './door-flow.ts'
import { FlowPolicy } from './flow-policy.ts'
import type { Flow, Sink } from './flow.ts'
import { Keyed } from './keyed.ts'
import { limitsTime } from './limited.ts'

/**
 * A breaker. With a `key`, `isolate` and `reset` are for all keys at once, and `state` says no more
 * than whether all are isolated: `for` has the breaker of each.
 */
export interface CircuitBreaker extends Policy {
  readonly door: Door<CircuitPass>
  readonly name: string
  /** `open` until a call after the open time makes it `half-open`. */
  readonly state: BreakerState
  /** The breaker of one key, whatever the `key` option says. */
  for(key: string): CircuitBreaker
  /** Holds it open until each result of this has been disposed of, or until `reset`. */
  isolate(): Disposable
  /** Closes it and forgets all calls. */
  reset(): void
}

/**
 * Fails calls at once while the other side is failing, and lets a few through from time to time
 * to see whether it is better.
 *
 * It opens with the failure, or slow call, that makes their share of its window too high; a good
 * call never opens it. The open time is at least the `retryAfterMs` of the failure that opened it.
 * Errors of kind `rejected` and `invalid` and calls that were aborted do not count; a timeout above
 * does where there is none below. Refused calls reject with a `CircuitOpenError`.
 *
 * @throws OptionsError
 */
export function circuitBreaker(options: CircuitBreakerOptions = {}): CircuitBreaker {
  return new BreakerPolicy(resolveBreakerOptions(options))
}

class BreakerPolicy extends FlowPolicy implements CircuitBreaker {
  readonly name: string
  readonly door: Door<CircuitPass>
  private readonly keyed: Keyed<BreakerPolicy>
  private readonly circuit: Circuit
  private readonly pick: Circuit | ((context: Context) => Circuit)

  constructor(options: ResolvedBreakerOptions, key?: string, siblings?: Keyed<BreakerPolicy>) {
    super(options.clock)
    const circuit = new Circuit(options, key)
    this.name = options.name
    this.circuit = circuit
    this.keyed =
      siblings ??
      new Keyed(options.maxKeys, (key) => new BreakerPolicy(options, key, this.keyed), isIsolated)
    const { key: keyOf } = options
    const byKey = siblings === undefined ? keyOf : undefined
    this.pick =
      byKey === undefined
        ? circuit
        : (context) =>
            circuit.state === 'isolated' ? circuit : this.keyed.for(byKey(context)).circuit
    this.door = new CircuitDoor(this.pick)
  }

  get state(): BreakerState {
    return this.circuit.state
  }

  for(key: string): CircuitBreaker {
    return this.keyed.for(key)
  }

  isolate(): Disposable {
    return this.circuit.isolate()
  }

  reset(): void {
    this.circuit.reset()
    if (this.pick !== this.circuit) for (const breaker of this.keyed) breaker.reset()
  }

  bind(next: Flow): Flow {
    return new CircuitFlow(this.pick, this.name, next)
  }
}

/** What somebody holds open by hand is not forgotten. */
function isIsolated(breaker: BreakerPolicy): boolean {
  return breaker.state === 'isolated'
}

/** What `DoorFlow` does, with one object less for each call. */
class CircuitFlow implements Flow {
  readonly timed: boolean | undefined
  readonly limited: boolean
  private readonly pick: Circuit | ((context: Context) => Circuit)
  private readonly name: string
  private readonly next: Flow

  constructor(pick: Circuit | ((context: Context) => Circuit), name: string, next: Flow) {
    this.timed = next.timed
    this.limited = limitsTime(next)
    this.pick = pick
    this.name = name
    this.next = next
  }

  run(context: Context, operation: Operation<unknown>, sink: Sink): void {
    const { pick } = this
    let pass: CircuitPass
    try {
      const circuit = typeof pick === 'function' ? pick(context) : pick
      pass = circuit.enter(context, sink, !this.limited)
    } catch (error) {
      return refused(this.name, context, error, sink)
    }
    this.next.run(context, operation, pass)
  }
}

class CircuitDoor implements Door<CircuitPass> {
  private readonly pick: Circuit | ((context: Context) => Circuit)

  constructor(pick: Circuit | ((context: Context) => Circuit)) {
    this.pick = pick
  }

  enter(context: Context): CircuitPass {
    const { pick } = this
    return (typeof pick === 'function' ? pick(context) : pick).enter(context)
  }

  leave(pass: CircuitPass, failed: boolean, outcome: unknown): void {
    pass.circuit.leave(pass, failed, outcome)
  }
}
