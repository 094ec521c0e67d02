import { abortable, Context, type Clock, type ContextOptions } from '@aplomb/kernel'
import type { PoolCreateError } from './errors.ts'

export interface WarmUpOptions extends Pick<
  ContextOptions,
  'signal' | 'deadline' | 'timeoutMs' | 'context'
> {
  /** Goes on after creation errors, until the time is up or the caller aborts. Default: false. */
  readonly patient?: boolean | undefined
}

/** Callers who wait for a pool to have its first resources. */
export class WarmUps {
  private readonly waiting = new Set<{
    readonly patient: boolean
    readonly resolve: () => void
    readonly reject: (error: unknown) => void
  }>()

  wait(options: WarmUpOptions, clock: Clock): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const caller = { patient: options.patient === true, resolve, reject }
    this.waiting.add(caller)
    return Context.use(options, (context) => abortable(promise, context), clock).finally(() =>
      this.waiting.delete(caller)
    )
  }

  get size(): number {
    return this.waiting.size
  }

  ready(): void {
    for (const caller of this.waiting) caller.resolve()
  }

  createFailed(error: PoolCreateError): void {
    for (const caller of this.waiting) if (!caller.patient) caller.reject(error)
  }

  closed(error: unknown): void {
    for (const caller of this.waiting) caller.reject(error)
  }
}
