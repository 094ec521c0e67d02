import type { RateKey } from './rate-key.ts'

/** How many old keys each new one looks at, or forgets. */
const LOOKS = 4

/**
 * The state of each key, in bounded memory. Each new key looks at some of the oldest and forgets
 * those that are idle, at no loss; where all are busy and the table is full, it forgets the one
 * that was not used for longest (second chance, an approximation of LRU that makes use free).
 */
export class KeyTable {
  private readonly loose = new Map<string, RateKey>()
  /** Could not be forgotten when last looked at; apart, so that nobody has to search among them. */
  private readonly pinned = new Map<string, RateKey>()
  private readonly maxKeys: number
  private readonly create: (key: string) => RateKey

  constructor(maxKeys: number, create: (key: string) => RateKey) {
    this.maxKeys = maxKeys
    this.create = create
  }

  get size(): number {
    return this.loose.size + this.pinned.size
  }

  get(key: string, now: () => number): RateKey {
    const found = this.peek(key)
    if (found !== undefined) {
      found.touched = true
      return found
    }
    this.unpin()
    this.forgetIdle(now())
    // More than one, for there may be too many of those that were pinned.
    for (let looks = LOOKS; looks > 0 && this.size >= this.maxKeys; looks--) this.evict()
    const state = this.create(key)
    this.loose.set(key, state)
    return state
  }

  /** What is known of a key, without making anything of it. */
  peek(key: string): RateKey | undefined {
    return this.loose.get(key) ?? this.pinned.get(key)
  }

  private unpin(): void {
    let looks = LOOKS
    for (const [key, state] of this.pinned) {
      if (looks-- === 0) return
      this.pinned.delete(key)
      this.keep(key, state)
    }
  }

  private forgetIdle(now: number): void {
    let looks = LOOKS
    for (const [key, state] of this.loose) {
      if (looks-- === 0) return
      this.loose.delete(key)
      if (!state.isIdle(now)) this.keep(key, state)
    }
  }

  private evict(): void {
    // Twice round: the first time may do no more than take away every second chance.
    let chances = 2 * this.loose.size
    for (const [key, state] of this.loose) {
      if (chances-- === 0) return
      this.loose.delete(key)
      if (!state.touched && !state.isPinned()) return
      state.touched = false
      this.keep(key, state)
    }
  }

  private keep(key: string, state: RateKey): void {
    if (state.isPinned()) this.pinned.set(key, state)
    else this.loose.set(key, state)
  }
}
