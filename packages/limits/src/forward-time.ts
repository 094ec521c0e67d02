/**
 * Readings of a clock that may be set back, as time that only goes forward: after a jump back it
 * goes on from where it was, as if no time had passed (as golang.org/x/time/rate does).
 */
export class ForwardTime {
  private last = Number.NEGATIVE_INFINITY
  /** What to add to a reading of the clock. */
  offset = 0

  read(reading: number): number {
    const time = reading + this.offset
    if (time >= this.last) {
      this.last = time
      return time
    }
    this.offset += this.last - time
    return this.last
  }
}
