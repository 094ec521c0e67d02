/** Resolves at the end of this turn of the event loop, when all that promises can do is done. */
export function endOfTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}
