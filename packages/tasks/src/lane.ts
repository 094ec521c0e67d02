import type { Permit } from '@aplomb/kernel'

/** Who hears how an item ended. */
export interface LaneOwner<R, Place> {
  onValue(lane: Lane<R, Place>, value: R): void
  onError(lane: Lane<R, Place>, error: unknown): void
}

/**
 * One item's way through the mapper. Lanes are used again, so an item costs no closures.
 */
export class Lane<R, Place> {
  readonly onValue: (value: R) => void
  readonly onError: (error: unknown) => void
  index = 0
  place!: Place
  permit!: Permit

  constructor(owner: LaneOwner<R, Place>) {
    this.onValue = (value) => owner.onValue(this, value)
    this.onError = (error) => owner.onError(this, error)
  }
}
