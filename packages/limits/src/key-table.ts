import type { RateKey } from './rate-key.ts'

/** How many old keys each new one looks at. */
const LOOKS = 4

/**
 * The state of each key, in bounded memory. Each new key looks at some of the oldest and forgets
 * those that are idle, at no loss; where all are busy and the table is full, it forgets the one
 * that was not used for longest (second chance, an approximation of LRU that makes use free).
 */
export class KeyTable {
  private readonly states = new Map<string, RateKey>()
  private readonly maxKeys: number
  private readonly create: (key: string) => RateKey

  constructor(maxKeys: number, create: (key: string) => RateKey) {
    this.maxKeys = maxKeys
    this.create = create
  }

  get size(): number {
    return this.states.size
  }

  get(key: string, now: () => number): RateKey {
    const found = this.states.get(key)
    if (found !== undefined) {
      found.touched = true
      return found
    }
    this.forgetIdle(now())
    if (this.states.size >= this.maxKeys) this.evict()
    const state = this.create(key)
    this.states.set(key, state)
    return state
  }

  /** What is known of a key, without making anything of it. */
  peek(key: string): RateKey | undefined {
    return this.states.get(key)
  }

  private forgetIdle(now: number): void {
    let looks = LOOKS
    for (const [key, state] of this.states) {
      if (looks-- === 0) return
      this.states.delete(key)
      if (!state.isIdle(now)) this.states.set(key, state)
    }
  }

  private evict(): void {
    // Twice round: the first time may do no more than take away every second chance.
    let chances = 2 * this.states.size
    for (const [key, state] of this.states) {
      if (chances-- === 0) return
      this.states.delete(key)
      if (!state.touched && !state.isPinned()) return
      state.touched = false
      this.states.set(key, state)
    }
  }
}
