/** A source of chance: a number from 0 (included) to 1 (excluded). */
export type Random = () => number

/** The process's own generator; good for jitter, not for secrets. */
export const systemRandom: Random = Math.random
