import type { Factory } from '../src/index.ts'

/** What a test's factory makes. */
export interface Thing {
  readonly id: number
  alive: boolean
  users: number
}

/** A factory that keeps count of everything that exists, from the start of a creation to its end. */
export class World implements Factory<Thing> {
  made = 0
  /** Creations begun. */
  attempts = 0
  /** Existing now, those being created and destroyed included. */
  live = 0
  mostLive = 0
  readonly destroyed: number[] = []
  onCreate: ((attempt: number) => unknown) | undefined
  onDestroy: ((thing: Thing) => unknown) | undefined

  create = async (): Promise<Thing> => {
    this.mostLive = Math.max(this.mostLive, ++this.live)
    try {
      await this.onCreate?.(++this.attempts)
    } catch (error) {
      this.live--
      throw error
    }
    return { id: ++this.made, alive: true, users: 0 }
  }

  destroy = async (thing: Thing): Promise<void> => {
    thing.alive = false
    try {
      await this.onDestroy?.(thing)
    } finally {
      this.live--
      this.destroyed.push(thing.id)
    }
  }
}

/** Settles as `promise` does, at once as a plain value: for looking at it after time has moved. */
export function outcomeOf<T>(
  promise: Promise<T>
): Promise<{ readonly value?: T; readonly error?: unknown }> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error })
  )
}
