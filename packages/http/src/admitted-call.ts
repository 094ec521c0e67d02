import { Context } from '@aplomb/kernel'
import type { CallShared } from './call-types.ts'

/**
 * A call's place under the client's concurrency limit, which it waits for before it begins and
 * gives back once.
 */
export abstract class AdmittedCall extends Context {
  readonly shared: CallShared
  protected settled = false
  private pass: unknown = undefined
  private holdsPass = false

  constructor(parent: Context, shared: CallShared) {
    super(parent, shared)
    this.shared = shared
  }

  /** It has been let in. */
  protected abstract begin(): void
  protected abstract fail(error: unknown): void

  protected enter(): void {
    const { concurrency } = this.shared
    if (concurrency === undefined) return this.begin()
    let pass: unknown
    try {
      pass = concurrency.enter(this)
    } catch (error) {
      return this.fail(error)
    }
    if (pass instanceof Promise) this.waitFor(pass)
    else this.admitted(pass)
  }

  protected leave(failed: boolean, outcome: unknown): void {
    if (!this.holdsPass) return
    this.holdsPass = false
    this.shared.concurrency?.leave(this.pass, failed, outcome)
  }

  private waitFor(coming: Promise<unknown>): void {
    const { active, origins } = this.shared
    // Unread bodies hold their calls' places, too.
    if (active.waiting++ === 0) origins.relieve()
    coming.then(
      (pass) => {
        active.waiting--
        this.admitted(pass)
      },
      (error: unknown) => {
        active.waiting--
        this.fail(error)
      }
    )
  }

  private admitted(pass: unknown): void {
    if (this.settled) {
      this.shared.concurrency?.leave(pass, true, this.reason)
      return
    }
    this.pass = pass
    this.holdsPass = true
    this.begin()
  }
}
