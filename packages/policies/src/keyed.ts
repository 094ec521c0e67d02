/** One thing for each key, made on demand; the keys used longest ago are dropped beyond `maxKeys`. */
export class Keyed<T> {
  private readonly things = new Map<string, T>()
  private readonly make: (key: string) => T
  private readonly maxKeys: number
  private latestKey: string | undefined = undefined
  private latest: T | undefined = undefined

  constructor(maxKeys: number, make: (key: string) => T) {
    this.maxKeys = maxKeys
    this.make = make
  }

  for(key: string): T {
    if (key === this.latestKey) return this.latest as T
    const thing = this.things.get(key) ?? this.make(key)
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
    for (const key of this.things.keys()) {
      this.things.delete(key)
      return
    }
  }
}
