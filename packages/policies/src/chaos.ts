import {
  clockOption,
  describe,
  fields,
  invalidOptions,
  randomOption,
  resolveOptions,
  sleep,
  type Clock,
  type Context,
  type Fields,
  type Policy,
  type Random
} from '@aplomb/kernel'
import { ChaosError } from './errors.ts'
import { chaosChannel } from './events.ts'
import { FlowPolicy } from './flow-policy.ts'
import { Keyed } from './keyed.ts'
import { settleWith, type Flow, type Sink } from './flow.ts'
import { limitsTime, type LimitedFlow } from './limited.ts'
import { randomSequence } from './random-sequence.ts'
import { verdict } from './verdict.ts'

/** What `chaos` takes. Rates go from 0, never, to 1, always. */
export interface ChaosOptions {
  /** Nothing happens unless this is true. Default: false. */
  readonly enabled?: boolean | ((context: Context) => boolean) | undefined
  /** Fails calls before they start. */
  readonly fault?:
    | {
        /** Default: 0. */
        readonly rate?: number | undefined
        /** Makes the error. Default: a `ChaosError`. */
        readonly error?: ((context: Context) => unknown) | undefined
      }
    | undefined
  /** Delays calls before they start. */
  readonly latency?:
    | {
        /** Default: 0. */
        readonly rate?: number | undefined
        /** How long, in milliseconds, or a function of chance. Default: 1000. */
        readonly ms?: number | ((random: Random) => number) | undefined
      }
    | undefined
  /** Gives calls a result without running them. */
  readonly outcome?:
    | {
        /** Default: 0. */
        readonly rate?: number | undefined
        /** Makes the result, which stands for one of the operation's own. Default: undefined. */
        readonly result?: ((context: Context) => unknown) | undefined
      }
    | undefined
  /** Tells calls apart: each key has a sequence of chance of its own. Default: one for all. */
  readonly key?: ((context: Context) => string) | undefined
  /** Only calls with these keys are touched. Default: all. */
  readonly only?: readonly string[] | undefined
  /** Makes it happen in the same way every time. Default: by `random`. */
  readonly seed?: number | undefined
  /** For events. Default: `chaos`. */
  readonly name?: string | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
  /** Default: the process's generator. */
  readonly random?: Random | undefined
}

interface Resolved {
  readonly enabled: boolean | ((context: Context) => boolean)
  readonly fault: {
    readonly rate: number
    readonly error: ((context: Context) => unknown) | undefined
  }
  readonly latency: { readonly rate: number; readonly ms: number | ((random: Random) => number) }
  readonly outcome: {
    readonly rate: number
    readonly result: ((context: Context) => unknown) | undefined
  }
  readonly key: ChaosOptions['key']
  readonly only: readonly string[] | undefined
  readonly seed: number | undefined
  readonly name: string
  readonly clock: Clock
  readonly random: Random
}

const rate = fields.number(0, { max: 1 })
const optionalMaker = fields.callback<((context: Context) => unknown) | undefined>(undefined)

const chaosFields: Fields<Resolved> = {
  enabled: fields.custom(
    'true, false or a function of the context',
    (value) => typeof value === 'boolean' || typeof value === 'function',
    false
  ),
  fault: fields.nested({ rate, error: optionalMaker }),
  latency: fields.nested({
    rate,
    ms: fields.custom<number | ((random: Random) => number)>(
      'a time in milliseconds or a function of a source of chance',
      (value) => typeof value === 'function' || (typeof value === 'number' && value >= 0),
      1000
    )
  }),
  outcome: fields.nested({ rate, result: optionalMaker }),
  key: fields.callback<ChaosOptions['key']>(undefined),
  only: fields.custom<readonly string[] | undefined>('a list of keys', isListOfKeys, undefined),
  seed: fields.optional(fields.number(0, { min: Number.NEGATIVE_INFINITY })),
  name: fields.string('chaos'),
  clock: clockOption,
  random: randomOption
}

function isListOfKeys(value: unknown): boolean {
  return Array.isArray(value) && value.every((key) => typeof key === 'string')
}

/** So many keys keep their sequences; one that comes back later begins anew. */
const maxKeys = 10_000

/**
 * Makes failures on purpose, to see what the rest does about them (after Polly's Simmy): delays,
 * errors and results, each at its own rate. Off unless `enabled`.
 *
 * @throws OptionsError
 */
export function chaos(options: ChaosOptions = {}): Policy {
  return new ChaosPolicy(
    resolveOptions('chaos', options, chaosFields, ({ only, key }, report) => {
      if (only !== undefined && key === undefined) report('only', 'needs the option key')
    })
  )
}

class ChaosPolicy extends FlowPolicy {
  private readonly options: Resolved
  private readonly sequences: Keyed<Random>

  constructor(options: Resolved) {
    super(options.clock)
    this.options = options
    const { seed = 0 } = options
    this.sequences = new Keyed(maxKeys, (key) => randomSequence(seed, key))
  }

  bind(next: Flow): LimitedFlow {
    if (this.options.enabled === false) return next
    return {
      timed: next.timed,
      limited: limitsTime(next),
      run: (context, operation, sink) => {
        let random: Random | undefined
        try {
          random = this.randomFor(context)
        } catch (error) {
          return sink.settle(true, error)
        }
        if (random === undefined) return next.run(context, operation, sink)
        this.disturb(random, context, sink, () => next.run(context, operation, sink))
      }
    }
  }

  /** The chance that decides about this call; undefined when it is to be left alone. */
  private randomFor(context: Context): Random | undefined {
    const { enabled, key, only, seed, random } = this.options
    if (typeof enabled === 'function' && !verdict('enabled', enabled(context))) return undefined
    const name = key?.(context)
    if (only !== undefined && !only.includes(name as string)) return undefined
    return seed === undefined ? random : this.sequences.for(name ?? '')
  }

  private disturb(random: Random, context: Context, sink: Sink, run: () => void): void {
    const { latency, fault, outcome } = this.options
    // Each call takes the same numbers from its sequence, whatever happens to it.
    const slow = random() < latency.rate
    const faulty = random() < fault.rate
    const replaced = random() < outcome.rate
    const goOn = (): void => {
      if (faulty) this.fail(context, sink)
      else if (replaced) this.replace(context, sink)
      else run()
    }
    if (slow) this.delay(random, context, sink, goOn)
    else goOn()
  }

  private delay(random: Random, context: Context, sink: Sink, goOn: () => void): void {
    const { latency, clock } = this.options
    let delayMs: number
    try {
      delayMs = typeof latency.ms === 'function' ? madeUp(latency.ms(random)) : latency.ms
    } catch (error) {
      return sink.settle(true, error)
    }
    this.announce('latency', context, delayMs)
    sleep(clock, delayMs, context).then(goOn, (reason: unknown) => sink.settle(true, reason))
  }

  private fail(context: Context, sink: Sink): void {
    const { error } = this.options.fault
    this.announce('fault', context)
    const made = (): unknown => error?.(context) ?? new ChaosError('A failure made on purpose')
    settleWith(new Promise((_resolve, reject) => reject(made())), sink)
  }

  private replace(context: Context, sink: Sink): void {
    this.announce('outcome', context)
    const { result } = this.options.outcome
    settleWith(new Promise((resolve) => resolve(result?.(context))), sink)
  }

  private announce(
    injected: 'fault' | 'latency' | 'outcome',
    context: Context,
    delayMs?: number
  ): void {
    if (!chaosChannel.hasSubscribers) return
    const { name } = this.options
    const { correlationId } = context
    chaosChannel.publish({ name, injected, delayMs, correlationId })
  }
}

/** A time that the caller's own function made up. */
function madeUp(delayMs: number): number {
  if (delayMs >= 0) return delayMs
  throw invalidOptions('chaos', [
    `latency.ms: must give a time in milliseconds, not ${describe(delayMs)}`
  ])
}
