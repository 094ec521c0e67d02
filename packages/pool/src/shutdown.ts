import type { Clock } from '@aplomb/kernel'
import type { Admission } from './admission.ts'
import { Closing, resolveCloseTimeout, type CloseOptions } from './closing.ts'
import { channels } from './events.ts'
import type { Failures } from './failures.ts'
import type { Stock } from './stock.ts'

export interface ShutdownOptions {
  readonly name: string
  readonly clock: Clock
  readonly closeTimeoutMs: number
  readonly destroyTimeoutMs: number
}

/** Ends a pool: patiently, less patiently, or at once. */
export class Shutdown<T> {
  private closing: Closing | undefined = undefined
  private readonly options: ShutdownOptions
  private readonly stock: Stock<T>
  private readonly admission: Admission<T>
  private readonly failures: Failures<T>

  constructor(
    options: ShutdownOptions,
    stock: Stock<T>,
    admission: Admission<T>,
    failures: Failures<T>
  ) {
    this.options = options
    this.stock = stock
    this.admission = admission
    this.failures = failures
  }

  get begun(): boolean {
    return this.closing !== undefined
  }

  close(options: CloseOptions | undefined): Promise<boolean> {
    const closing = this.begin(options)
    this.admission.refuseAll(this.failures.closed())
    this.proceed()
    return closing.done
  }

  drain(options: CloseOptions | undefined): Promise<boolean> {
    const closing = this.begin(options)
    this.proceed()
    return closing.done
  }

  terminate(): Promise<boolean> {
    const closing = this.begin({ timeoutMs: Number.POSITIVE_INFINITY })
    this.force(closing)
    return closing.done
  }

  /** Does what can be done by now; called whenever something has changed. */
  proceed(): void {
    const { closing, stock } = this
    if (closing === undefined || this.admission.size > 0) return
    stock.close(this.failures.closed())
    if (stock.size === 0) closing.finish()
  }

  private begin(options: CloseOptions | undefined): Closing {
    const { name, clock, closeTimeoutMs } = this.options
    const timeoutMs = resolveCloseTimeout(options, closeTimeoutMs)
    if (this.closing === undefined && channels.close.hasSubscribers) {
      const { leased } = this.stock
      channels.close.publish({ pool: name, leased, waiting: this.admission.size })
    }
    const closing = (this.closing ??= new Closing(clock))
    closing.limit(timeoutMs, () => this.force(closing))
    return closing
  }

  /** Time is up: takes everything from its holders, and gives hooks one last limit. */
  private force(closing: Closing): void {
    const { stock, admission, failures } = this
    if (stock.leased > 0) closing.forced = true
    closing.unlimit()
    closing.limit(this.options.destroyTimeoutMs, () => stock.abandonAll(failures.closed()))
    admission.refuseAll(failures.closed())
    stock.destroyAll()
    this.proceed()
  }
}
