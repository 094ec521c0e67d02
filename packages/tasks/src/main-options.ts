import { clockOption, fields, resolveOptions, type Clock, type Fields } from '@aplomb/kernel'
import { exitCodeOf, type MainProcess, type StopSignal } from './main-process.ts'

/** The options of `runMain`. */
export interface RunMainOptions {
  /** For messages and the tree. Default: `main`. */
  readonly name?: string | undefined
  /**
   * How long tasks and clean-ups may take to end after the process was told to stop, in
   * milliseconds. Default: 25,000, a little less than the 30 s that Kubernetes gives.
   */
  readonly drainTimeoutMs?: number | undefined
  /**
   * How long readiness is false before anything is cancelled, in milliseconds, so that load
   * balancers can notice; it is part of `drainTimeoutMs`. Default: 0.
   */
  readonly readinessDelayMs?: number | undefined
  /** How long each clean-up may take, in milliseconds. Default: Infinity; the drain ends them. */
  readonly cleanupTimeoutMs?: number | undefined
  /** Which signals ask the process to stop. Default: SIGTERM and SIGINT. */
  readonly signals?: readonly StopSignal[] | undefined
  /** Write the tree of live tasks to stderr on SIGUSR2. Default: true. */
  readonly treeOnSignal?: boolean | undefined
  /** Write it as well whenever a group's own deadline passes. Default: false. */
  readonly treeOnDeadline?: boolean | undefined
  /** The exit code for an error that ended main. Default: 2 for the kind `invalid`, else 1. */
  readonly exitCode?: ((error: unknown) => number) | undefined
  /** The process to be. Default: this one. */
  readonly process?: MainProcess | undefined
  readonly clock?: Clock | undefined
}

export type ResolvedMainOptions = Readonly<
  Required<{ [K in keyof RunMainOptions]: NonNullable<RunMainOptions[K]> }>
>

const stopSignals: readonly StopSignal[] = ['SIGTERM', 'SIGINT']

const mainFields: Fields<RunMainOptions> = {
  name: fields.string('main'),
  drainTimeoutMs: fields.duration(25_000),
  readinessDelayMs: fields.duration(0),
  cleanupTimeoutMs: fields.duration(Number.POSITIVE_INFINITY),
  signals: fields.custom('a list of SIGTERM, SIGINT and SIGHUP', isSignalList, stopSignals),
  treeOnSignal: fields.boolean(true),
  treeOnDeadline: fields.boolean(false),
  exitCode: fields.callback(exitCodeOf),
  process: fields.custom<MainProcess>('a process', isProcess, process),
  clock: clockOption
}

export function resolveMainOptions(input: RunMainOptions | undefined): ResolvedMainOptions {
  return resolveOptions('runMain', input, mainFields, (options, report) => {
    const { readinessDelayMs, drainTimeoutMs } = options as ResolvedMainOptions
    if (readinessDelayMs < drainTimeoutMs) return
    report('readinessDelayMs', `must be less than drainTimeoutMs (${drainTimeoutMs})`)
  }) as ResolvedMainOptions
}

function isSignalList(value: unknown): boolean {
  const known = new Set(['SIGTERM', 'SIGINT', 'SIGHUP'])
  return Array.isArray(value) && value.every((signal) => known.has(signal as string))
}

function isProcess(value: unknown): boolean {
  const given = value as Partial<MainProcess> | null
  return typeof given?.on === 'function' && typeof given.exit === 'function'
}
