import { abortable, type Context } from '@aplomb/kernel'

/** Lets one at a time, in the order of coming. */
export class Turns {
  private last: Promise<void> | undefined

  /** Waits for the turn; call the result when it is over. Rejects with the reason on abort. */
  async take(context: Context): Promise<() => void> {
    context.throwIfAborted()
    const previous = this.last
    const { promise, resolve } = Promise.withResolvers<void>()
    this.last = promise
    const done = (): void => {
      if (this.last === promise) this.last = undefined
      resolve()
    }
    if (previous === undefined) return done
    try {
      await abortable(previous, context)
    } catch (error) {
      // Those behind must still wait for those before.
      void previous.then(done)
      throw error
    }
    return done
  }
}
