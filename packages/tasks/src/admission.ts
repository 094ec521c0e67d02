import { AdaptiveLevel } from './adaptive-level.ts'
import {
  isAplombError,
  type Context,
  type Limiter,
  type Outcome,
  type Permit
} from '@aplomb/kernel'

/** Lets a fixed number in. It is its own permit: its users give each back exactly once. */
class Count implements Permit {
  private free: number

  constructor(max: number) {
    this.free = max
  }

  take(): Permit | undefined {
    if (this.free === 0) return undefined
    this.free--
    return this
  }

  release(): void {
    this.free++
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

/**
 * Hands out the right to start one more piece of work, from a number or from a limiter that others
 * may share. At most one request waits at the limiter, for whoever is first here.
 */
export class Admission {
  private readonly count: Count | undefined
  private readonly limiter: Limiter | undefined
  private readonly context: Context
  private readonly onFree: () => void
  private readonly onRefused: (error: unknown) => void
  private asking = false
  private spare: Permit | undefined = undefined

  /**
   * `onFree` is called when `take` may succeed again after it did not, unless a permit was given
   * back here, which its giver knows; `onRefused` when the limiter fails to give one.
   */
  constructor(
    concurrency: number | Limiter,
    adaptive: boolean,
    context: Context,
    onFree: () => void,
    onRefused: (error: unknown) => void
  ) {
    if (typeof concurrency !== 'number') this.limiter = concurrency
    else if (adaptive) this.limiter = new AdaptiveLevel(concurrency, context.clock)
    else this.count = new Count(concurrency)
    this.context = context
    this.onFree = onFree
    this.onRefused = onRefused
  }

  take(): Permit | undefined {
    if (this.count !== undefined) return this.count.take()
    const { spare } = this
    if (spare !== undefined) {
      this.spare = undefined
      return spare
    }
    if (this.asking) return undefined
    const permit = (this.limiter as Limiter).tryAcquire()
    if (permit === undefined) this.ask(this.limiter as Limiter)
    return permit
  }

  private ask(limiter: Limiter): void {
    this.asking = true
    limiter.acquire({ context: this.context }).then(
      (permit) => {
        this.asking = false
        this.spare = permit
        this.onFree()
        this.giveSpareBack()
      },
      (error: unknown) => {
        this.asking = false
        if (!this.context.aborted) this.onRefused(error)
      }
    )
  }

  private giveSpareBack(): void {
    const { spare } = this
    this.spare = undefined
    spare?.release('ignored')
  }
}

/** What a limiter learns from work that failed. */
export function outcomeOf(error: unknown): Outcome {
  const overloaded = isAplombError(error) && (error.kind === 'rejected' || error.kind === 'timeout')
  return overloaded ? 'dropped' : 'ignored'
}
