/**
 * Which items of the input an earlier run has stored, four bytes for each: the fingerprint of what
 * was fetched for that place, so that a changed input is noticed rather than mixed up.
 */
export class DoneIndex {
  private fingerprints = new Uint32Array(1024)
  private stored = 0

  /** How many items are done. */
  get count(): number {
    return this.stored
  }

  add(index: number, fingerprint: number): void {
    if (index >= this.fingerprints.length) this.grow(index + 1)
    if (this.fingerprints[index] === 0) this.stored++
    this.fingerprints[index] = fingerprint
  }

  /** Done, not done, or done for another request than this. */
  look(index: number, fingerprint: number): 'done' | 'open' | 'other' {
    const stored = this.fingerprints[index] ?? 0
    if (stored === 0) return 'open'
    return stored === fingerprint ? 'done' : 'other'
  }

  private grow(length: number): void {
    const larger = new Uint32Array(Math.max(length, this.fingerprints.length * 2))
    larger.set(this.fingerprints)
    this.fingerprints = larger
  }
}
