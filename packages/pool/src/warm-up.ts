import { abortable, Context, type Clock, type ContextOptions } from '@aplomb/kernel'
import { PoolCreateError } from './errors.ts'

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

  ready(): void {
    for (const caller of this.waiting) caller.resolve()
  }

  createFailed(error: unknown): void {
    for (const caller of this.waiting) if (!caller.patient) caller.reject(createError(error))
  }

  closed(error: unknown): void {
    for (const caller of this.waiting) caller.reject(error)
  }
}

/** The factory's error as the pool's. */
export function createError(cause: unknown): PoolCreateError {
  const detail = cause instanceof Error ? cause.message : String(cause)
  return new PoolCreateError(`The pool could not create a resource: ${detail}`, { cause })
}
