import { describe, invalidOptions } from '@aplomb/kernel'

/** One thing for each key, made on demand; the keys used longest ago are dropped beyond `maxKeys`. */
export class Keyed<T extends object> {
  private readonly things = new Map<string, T>()
  private readonly make: (key: string) => T
  private readonly maxKeys: number
  private readonly isKept: (thing: T) => boolean
  private latestKey: string | undefined = undefined
  private latest: T | undefined = undefined

  /** What `isKept` is true of is not dropped, however old. */
  constructor(
    maxKeys: number,
    make: (key: string) => T,
    isKept: (thing: T) => boolean = () => false
  ) {
    this.maxKeys = maxKeys
    this.make = make
    this.isKept = isKept
  }

  for(key: string): T {
    const { latest } = this
    if (latest !== undefined && key === this.latestKey) return latest
    const thing = this.things.get(key) ?? this.make(requireKey(key))
    // A Map keeps the order of insertion, so the first key is the one used longest ago.
    this.things.delete(key)
    this.things.set(key, thing)
    if (this.things.size > this.maxKeys) this.dropOldest()
    this.latestKey = key
    this.latest = thing
    return thing
  }

  [Symbol.iterator](): Iterator<T> {
    return this.things.values()
  }

  private dropOldest(): void {
    for (const [key, thing] of this.things) {
      if (this.isKept(thing)) continue
      this.things.delete(key)
      return
    }
  }
}

/** Each promise, or other object, would be a key of its own, with nothing to remember. */
function requireKey(key: string): string {
  if (typeof key !== 'object' || key === null) return key
  throw invalidOptions('key', [`must give a string, not ${describe(key)}`])
}
