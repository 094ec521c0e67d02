import type { Clock } from '@aplomb/kernel'
import type { Admission } from './admission.ts'
import { RetryTimer } from './retry-timer.ts'
import type { Shutdown } from './shutdown.ts'
import type { Stock, StockKeeper } from './stock.ts'

/** Gets resources under way for those who wait, and for `min`. */
export class Supply<T> {
  private pumping = false
  private pumpAgain = false
  private readonly clock: Clock
  private readonly stock: Stock<T>
  private readonly admission: Admission<T>
  private readonly shutdown: Shutdown<T>
  private readonly keeper: StockKeeper<T>
  private readonly retryTimer: RetryTimer

  constructor(
    clock: Clock,
    stock: Stock<T>,
    admission: Admission<T>,
    shutdown: Shutdown<T>,
    keeper: StockKeeper<T>
  ) {
    this.clock = clock
    this.stock = stock
    this.admission = admission
    this.shutdown = shutdown
    this.keeper = keeper
    this.retryTimer = new RetryTimer(clock, () => this.pump())
  }

  /** Gets as much under way as is wanted and possible. It may be called from within itself. */
  pump(): void {
    if (this.pumping) {
      this.pumpAgain = true
      return
    }
    this.pumping = true
    do {
      this.pumpAgain = false
      this.lendIdle()
      while (this.wantsMore() && this.stock.mayCreate()) this.stock.create()
    } while (this.pumpAgain)
    this.pumping = false
    this.scheduleRetry()
  }

  private lendIdle(): void {
    const { stock, admission } = this
    while (admission.size > 0 && stock.idle.length > 0) {
      const entry = stock.takeFresh()
      if (entry !== undefined) this.keeper.ready(entry, this.clock.coarseNow())
      else if (admission.size > stock.inCare) stock.checkIdle()
      else return
    }
  }

  private wantsMore(): boolean {
    const { stock, admission } = this
    if (admission.size > stock.coming) return true
    return stock.lasting < stock.min && !this.shutdown.begun
  }

  /** What waits for a place, or for a try under way, is pumped when that has changed. */
  private scheduleRetry(): void {
    const { breaker, hasRoom } = this.stock
    const waitsForTime = breaker.state === 'open' && hasRoom && this.wantsMore()
    if (waitsForTime) this.retryTimer.set(breaker.retryAt, this.admission.size > 0)
    else this.retryTimer.cancel()
  }
}
