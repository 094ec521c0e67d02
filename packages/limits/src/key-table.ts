import { requireKey } from './limit-options.ts'
import type { RateKey } from './rate-key.ts'
import { UseOrder } from './use-order.ts'

/** How many old keys each new one looks at, or forgets. */
const LOOKS = 4

/**
 * The state of each key, in bounded memory. Each new key looks at some of the others and forgets
 * those that are idle, at no loss; where the table is full, it forgets the least recently used.
 */
export class KeyTable {
  private readonly states = new Map<string, RateKey>()
  private readonly loose = new UseOrder<RateKey>()
  /** Could not be forgotten when last looked at; apart, so that nobody has to search among them. */
  private readonly pinned = new UseOrder<RateKey>()
  /** Where the next look for idle keys begins; undefined for the oldest. */
  private next: RateKey | undefined
  private readonly maxKeys: number
  private readonly create: (key: string) => RateKey
  /** False for an idle key that others still have to be compared with. */
  private readonly mayForget: (state: RateKey) => boolean

  constructor(
    maxKeys: number,
    create: (key: string) => RateKey,
    mayForget: (state: RateKey) => boolean = () => true
  ) {
    this.maxKeys = maxKeys
    this.create = create
    this.mayForget = mayForget
  }

  get size(): number {
    return this.states.size
  }

  get(key: string, now: () => number): RateKey {
    const found = this.states.get(key)
    if (found !== undefined) {
      this.move(found, this.loose)
      return found
    }
    requireKey('RateLimiter', key)
    this.unpin()
    this.forgetIdle(now())
    // More than one, for there may be too many of those that were pinned.
    for (let looks = LOOKS; looks > 0 && this.size >= this.maxKeys; looks--) this.evict()
    const state = this.create(key)
    this.states.set(key, state)
    this.loose.use(state)
    return state
  }

  /** What is known of a key, without making anything of it. */
  peek(key: string): RateKey | undefined {
    return this.states.get(key)
  }

  private unpin(): void {
    for (let looks = LOOKS; looks > 0; looks--) {
      const state = this.pinned.oldest
      if (state === undefined) return
      this.move(state, state.isPinned() ? this.pinned : this.loose)
    }
  }

  private forgetIdle(now: number): void {
    let state = this.next ?? this.loose.oldest
    for (let looks = LOOKS; looks > 0 && state !== undefined; looks--) {
      this.next = state.newer
      if (state.isIdle(now) && this.mayForget(state)) this.forget(state)
      state = this.next
    }
  }

  private evict(): void {
    for (let state = this.loose.oldest; state !== undefined; state = this.loose.oldest) {
      if (!state.isPinned()) return this.forget(state)
      this.move(state, this.pinned)
    }
  }

  private move(state: RateKey, to: UseOrder<RateKey>): void {
    if (state === this.next) this.next = state.newer
    to.use(state)
  }

  private forget(state: RateKey): void {
    if (state === this.next) this.next = state.newer
    this.loose.remove(state)
    this.states.delete(state.key)
  }
}
