import { subscribeTo, type Timer } from '@aplomb/kernel'
import { abortError } from './cancelled.ts'
import { deadlinePassed, shutdown, type DeadlineEvent, type ShutdownEvent } from './events.ts'
import {
  resolveMainOptions,
  type ResolvedMainOptions,
  type RunMainOptions
} from './main-options.ts'
import { exitCodes, flush, type StopSignal } from './main-process.ts'
import { MainReport } from './main-report.ts'
import { ProgramScope, Readiness, type MainScope } from './main-scope.ts'
import { scope, type Scope } from './scope.ts'
import { taskGroup, type TaskGroup } from './task-group.ts'

/** A program. An exit code that it returns is that of the process. */
export type Main = (scope: MainScope) => unknown

type Listeners = Record<string, (...args: any[]) => void>

const flushTimeoutMs = 1000

/** One program from its start to its exit. */
class MainRun {
  private readonly options: ResolvedMainOptions
  private readonly report: MainReport
  private readonly readiness = new Readiness()
  private readonly finished = Promise.withResolvers<number>()
  private readonly listeners: Listeners
  private group: TaskGroup | undefined = undefined
  /** What told it to stop, if something has. */
  private cause: string | undefined = undefined
  private reason: unknown = undefined
  private isCancelled = false
  private failureCode: number | undefined = undefined
  private readonly timers: Timer[] = []

  constructor(options: ResolvedMainOptions) {
    this.options = options
    this.report = new MainReport(options.name, options.process, options.clock)
    this.listeners = this.createListeners()
  }

  async run(main: Main): Promise<number> {
    const { process } = this.options
    for (const [event, listener] of Object.entries(this.listeners)) process.on(event, listener)
    const unsubscribe = this.watchDeadlines()
    void this.runProgram(main).then((code) => this.finished.resolve(code))
    const code = await this.finished.promise
    for (const timer of this.timers) timer.cancel()
    await this.flush()
    this.publish('exit', code)
    process.exit(code)
    unsubscribe()
    for (const [event, listener] of Object.entries(this.listeners)) process.off(event, listener)
    return code
  }

  private createListeners(): Listeners {
    const { signals, treeOnSignal, process } = this.options
    const entries = signals.map((signal) => [signal, () => this.onSignal(signal)] as const)
    const onTreeSignal = (): void => this.report.tree('on SIGUSR2')
    const onUncaught = (error: unknown): void => this.onUnhandled('uncaughtException', error)
    const onRejection = (error: unknown): void => this.onUnhandled('unhandledRejection', error)
    return {
      ...Object.fromEntries(entries),
      // Windows has no such signal, and listening for it throws there.
      ...(treeOnSignal && process.platform !== 'win32' ? { SIGUSR2: onTreeSignal } : {}),
      uncaughtException: onUncaught,
      unhandledRejection: onRejection
    }
  }

  private watchDeadlines(): () => void {
    if (!this.options.treeOnDeadline) return () => undefined
    return subscribeTo<DeadlineEvent>(deadlinePassed.name, ({ group }) => {
      this.report.tree(`as the deadline of ${group} passed`)
    })
  }

  private async runProgram(main: Main): Promise<number> {
    const { name, cleanupTimeoutMs, exitCode } = this.options
    try {
      const value = await scope((root) => this.runGroup(main, root), { name, cleanupTimeoutMs })
      return this.failureCode ?? codeOfValue(value, this.options.process.exitCode)
    } catch (error) {
      this.report.error('main', error)
      return this.failureCode ?? exitCode(error)
    }
  }

  private async runGroup(main: Main, root: Scope): Promise<unknown> {
    const { name, clock } = this.options
    const body = (group: TaskGroup): unknown => {
      this.group = group
      if (this.isCancelled) group.cancel(this.reason)
      return main(new ProgramScope(group, root, this.readiness))
    }
    try {
      return await taskGroup(body, { name, clock, unwrapSingle: true })
    } catch (error) {
      if (this.isCancelled && error === this.reason) return undefined
      throw error
    }
  }

  private onSignal(signal: StopSignal): void {
    if (this.cause === undefined) return this.stop(signal)
    const code = exitCodes[signal]
    this.publish('forced', code)
    this.options.process.exit(code)
    this.finished.resolve(code)
  }

  private onUnhandled(origin: 'uncaughtException' | 'unhandledRejection', error: unknown): void {
    this.report.error(origin, error)
    this.failureCode ??= exitCodes.failed
    if (this.cause === undefined) this.stop(origin)
  }

  private stop(cause: string): void {
    const { clock, readinessDelayMs, drainTimeoutMs } = this.options
    this.cause = cause
    this.readiness.stop()
    this.publish('not-ready')
    if (drainTimeoutMs !== Number.POSITIVE_INFINITY) {
      this.timers.push(clock.setTimer(() => this.onDrainDeadline(), drainTimeoutMs))
    }
    if (readinessDelayMs === 0) this.cancel()
    else this.timers.push(clock.setTimer(() => this.cancel(), readinessDelayMs))
  }

  private cancel(): void {
    this.isCancelled = true
    this.reason = abortError(`${this.options.name} was told to stop by ${this.cause}`)
    this.publish('cancel')
    this.group?.cancel(this.reason)
  }

  private onDrainDeadline(): void {
    this.report.stuck(this.cause as string, this.options.drainTimeoutMs)
    this.publish('deadline', exitCodes.timeout)
    this.finished.resolve(this.failureCode ?? exitCodes.timeout)
  }

  private async flush(): Promise<void> {
    const { clock, process } = this.options
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = clock.setTimer(resolve, flushTimeoutMs)
    await Promise.race([flush(process), promise])
    timer.cancel()
  }

  private publish(phase: ShutdownEvent['phase'], exitCode?: number): void {
    if (!shutdown.hasSubscribers) return
    const cause = this.cause ?? 'the end of main'
    shutdown.publish({ phase, cause, ...(exitCode === undefined ? {} : { exitCode }) })
  }
}

function codeOfValue(value: unknown, exitCode: unknown): number {
  const isCode = Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255
  if (isCode) return value as number
  return typeof exitCode === 'number' ? exitCode : exitCodes.ok
}

/**
 * Runs a program and ends the process when it, its tasks and its clean-ups have ended.
 *
 * SIGTERM or SIGINT tells it to stop: readiness goes false, then `scope.signal` aborts, and what is
 * under way may clean up and end within `drainTimeoutMs`; the exit code is then 0. What does not end
 * is named on stderr with the task tree, and the exit code is 124. A second signal ends the process
 * at once with 128 and the signal's number. An error that ends main, and any that nothing caught,
 * is written to stderr once; the exit code is then 1, or 2 for the kind `invalid`.
 *
 * Resolves with the exit code, for a `process` of your own that does not really exit.
 *
 * @throws OptionsError at once, for wrong options.
 */
export function runMain(main: Main, options?: RunMainOptions): Promise<number> {
  return new MainRun(resolveMainOptions(options)).run(main)
}
