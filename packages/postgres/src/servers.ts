import type { Context } from '@aplomb/kernel'
import type { Loan } from './loan.ts'
import type { FullDatabaseOptions, ReadTarget } from './options.ts'
import { Server } from './server.ts'
import { connectionTarget } from './target.ts'

/** The primary and its replicas, and the choice between them. */
export class Servers {
  readonly primary: Server
  readonly replicas: readonly Server[]

  constructor(name: string, options: FullDatabaseOptions) {
    this.primary = new Server(name, connectionTarget(options), options)
    this.replicas = options.replicas.map(
      (url, index) =>
        new Server(`${name}-replica-${index + 1}`, connectionTarget(options, url), options)
    )
  }

  get all(): readonly Server[] {
    return [this.primary, ...this.replicas]
  }

  /** A connection to the primary, or to whichever server has the least to do and answers. */
  borrow(context: Context, target: ReadTarget): Promise<Loan> {
    if (target === 'primary' || this.replicas.length === 0) return this.primary.borrow(context)
    return this.borrowAny(context)
  }

  private async borrowAny(context: Context): Promise<Loan> {
    const order = this.byLoad()
    for (const server of order) if (server.isDown) server.probe()
    for (const server of order.slice(0, -1)) {
      const loan = await server.tryBorrow(context)
      if (loan !== undefined) return loan
    }
    return (order.at(-1) ?? this.primary).borrow(context)
  }

  /** Those that work first, among them those with the least to do; the primary last among equals. */
  private byLoad(): Server[] {
    return [...this.replicas, this.primary].toSorted((a, b) => a.load - b.load)
  }
}
