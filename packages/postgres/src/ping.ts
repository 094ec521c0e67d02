import { Exchange } from './exchange.ts'
import type { Wire } from './wire.ts'

/** Asks nothing but whether the server is there: a lone Sync, which costs it no statement. */
export class PingExchange extends Exchange<true> {
  protected write(wire: Wire): void {
    wire.sync()
  }

  protected result(): true {
    return true
  }
}
