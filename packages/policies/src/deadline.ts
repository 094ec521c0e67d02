import {
  clockOption,
  DeadlineUnreachableError,
  fields,
  resolveOptions,
  type Clock,
  type Fields,
  type Policy,
  type Report
} from '@aplomb/kernel'
import { refused } from './door-flow.ts'
import { FlowPolicy } from './flow-policy.ts'
import type { Flow } from './flow.ts'
import { timeout } from './timeout.ts'

/** What `deadline` takes: `ms` or `at`. */
export interface DeadlineOptions {
  /** The deadline of each call, as a time from its start, in milliseconds. */
  readonly ms?: number | undefined
  /** The same deadline for all calls: `clock.now()` milliseconds, or a date of the calendar. */
  readonly at?: number | Date | undefined
  /** How long the work takes at least; with less time left it is not begun. In ms. Default: 0. */
  readonly minimumMs?: number | undefined
  /** For events. Default: `deadline`. */
  readonly name?: string | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
}

interface Resolved {
  readonly ms: number | undefined
  readonly at: number | Date | undefined
  readonly minimumMs: number
  readonly name: string
  readonly clock: Clock
}

const deadlineFields: Fields<Resolved> = {
  ms: fields.optional(fields.duration(0)),
  at: fields.custom('a time in milliseconds or a Date', isInstant, undefined),
  minimumMs: fields.duration(0),
  name: fields.string('deadline'),
  clock: clockOption
}

/**
 * Gives everything that runs inside one absolute end, whether or not it is handed the context:
 * the deadline is ambient (AsyncLocalStorage), so each policy and each wait of Aplomb in there
 * keeps it by itself. Nested deadlines: the earlier one counts.
 *
 * Rejects with `DeadlineUnreachableError` before any work when less than `minimumMs` is left, and
 * with `TimeoutError` (phase `total`) when the end has come.
 *
 * @throws OptionsError
 */
export function deadline(options: DeadlineOptions): Policy {
  return new DeadlinePolicy(resolveOptions('deadline', options, deadlineFields, rules))
}

class DeadlinePolicy extends FlowPolicy {
  private readonly options: Resolved

  constructor(options: Resolved) {
    super(options.clock)
    this.options = options
  }

  bind(next: Flow): Flow {
    const { ms, at, minimumMs, name, clock } = this.options
    const ambient = ambientFlow(next)
    const remainingMs = (): number => ms ?? endOf(at as number | Date, clock) - clock.now()
    const within = (limitMs: number): Flow =>
      bindTimeout({ ms: Math.max(0, limitMs), phase: 'total', name, clock }, ambient)
    const fixed = ms === undefined ? undefined : within(ms)
    return {
      timed: true,
      run(context, operation, sink) {
        const limitMs = remainingMs()
        const leftMs = Math.min(limitMs, context.remainingMs)
        if (leftMs <= 0 || leftMs < minimumMs) {
          return refused(name, context, unreachable(name, leftMs), sink)
        }
        const flow = fixed ?? within(limitMs)
        flow.run(context, operation, sink)
      }
    }
  }
}

/** Makes the context that of all code that `next` runs. */
function ambientFlow(next: Flow): Flow {
  return {
    timed: next.timed,
    run: (context, operation, sink) => context.run(() => next.run(context, operation, sink))
  }
}

function bindTimeout(options: Parameters<typeof timeout>[0], next: Flow): Flow {
  return (timeout(options) as FlowPolicy).bind(next)
}

function endOf(at: number | Date, clock: Clock): number {
  return typeof at === 'number' ? at : clock.now() + at.getTime() - clock.wallNow()
}

function unreachable(name: string, leftMs: number): DeadlineUnreachableError {
  const left = Math.max(0, Math.floor(leftMs))
  return new DeadlineUnreachableError(`${name}: only ${left} ms are left, so nothing was begun`)
}

function isInstant(value: unknown): boolean {
  const time = value instanceof Date ? value.getTime() : value
  return typeof time === 'number' && !Number.isNaN(time)
}

function rules({ ms, at }: Resolved, report: Report): void {
  if (ms === undefined && at === undefined) report('ms', 'is required, or at')
  if (ms !== undefined && at !== undefined) report('at', 'cannot be combined with ms')
}
