import type { Clock, Timer } from '@aplomb/kernel'

/** Wakes the pool for the next try to create; keeps the process alive only while callers wait. */
export class RetryTimer {
  private timer: Timer | undefined = undefined
  private at = 0
  private urgent = false
  private readonly clock: Clock
  private readonly retry: () => void

  constructor(clock: Clock, retry: () => void) {
    this.clock = clock
    this.retry = retry
  }

  set(at: number, urgent: boolean): void {
    if (this.timer !== undefined && this.at === at && this.urgent === urgent) return
    this.cancel()
    this.at = at
    this.urgent = urgent
    const delayMs = at - this.clock.now()
    const run = (): void => {
      this.timer = undefined
      this.retry()
    }
    this.timer = urgent
      ? this.clock.setTimer(run, delayMs)
      : this.clock.setBackgroundTimer(run, delayMs)
  }

  cancel(): void {
    this.timer?.cancel()
    this.timer = undefined
  }
}
