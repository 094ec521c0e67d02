import type { AbortListener, Clock, Context, Timer } from '@aplomb/kernel'
import type { StatementCache } from './statement-cache.ts'
import type { FieldInfo, Submittable, Wire } from './wire.ts'

/** Where an exchange runs, told about its end, and about a caller who no longer waits for it. */
export interface ExchangeOwner {
  exchangeEnded(exchange: AnyExchange): void
  exchangeAbandoned(exchange: AnyExchange): void
}

/** How a caller's wait ended. */
export type Ending =
  | 'pending'
  | 'done'
  /** The server sent an error, or a value could not be read. */
  | 'refused'
  /** The connection broke first. */
  | 'lost'
  /** The caller aborted, or its deadline passed. */
  | 'aborted'
  /** The server was silent for longer than the command timeout. */
  | 'timeout'

/** The tags of commands whose effect outlives them in the session. */
const ALTERING: ReadonlySet<string> = new Set([
  'SET',
  'LISTEN',
  'DECLARE CURSOR',
  'PREPARE',
  'LOAD'
])
/** After these the server has no prepared statements any more. */
const FORGETTING: ReadonlySet<string> = new Set(['DISCARD ALL', 'DEALLOCATE ALL'])

/** An exchange of whatever result. */
export type AnyExchange = Exchange<unknown>

/**
 * One exchange with the server: from what is written to "ready for query". It has two ends. The
 * caller's promise settles at once on abort; the exchange itself ends only when the server is ready
 * again or the connection is gone, and not before then may the connection serve another.
 */
export abstract class Exchange<T> implements Submittable, AbortListener {
  readonly promise: Promise<T>
  ending: Ending = 'pending'
  /** Something was given to the socket. */
  sent = false
  /** The server is ready for another, or the connection is gone. */
  ended = false
  /** It changed what the session remembers: a setting, a LISTEN, a cursor, a role. */
  altersSession = false
  /** How much was left of the time to wait when the server sent an error. */
  remainingMs: number = Number.POSITIVE_INFINITY
  protected failure: unknown = undefined
  /** The failure is not the server's: the caller's source of data threw. */
  failedOutside = false
  private clock: Clock | undefined
  private wire: Wire | undefined
  private owner: ExchangeOwner | undefined
  private context: Context | undefined
  private timer: Timer | undefined
  private resolve!: (value: never) => void
  private reject!: (reason: unknown) => void

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }

  /** Writes the whole request; synchronously, and without throwing half-way. */
  protected abstract write(wire: Wire): void
  /** Called when the server is ready and there was no error. */
  protected abstract result(): T

  /** Ties the caller's wait to its cancellation and to the last moment to wait for. */
  begin(owner: ExchangeOwner, context: Context, clock: Clock, timeoutMs: number): void {
    this.owner = owner
    this.context = context
    this.clock = clock
    context.listen(this)
    if (timeoutMs !== Number.POSITIVE_INFINITY) {
      this.timer = clock.setTimer(onTimeout, timeoutMs, this as AnyExchange)
    }
  }

  onAbort(reason: unknown): void {
    this.abandon('aborted', reason)
  }

  /** The connection is gone; what the server said before, if anything, is the better cause. */
  lose(error: unknown): void {
    if (this.ended) return
    this.failure ??= error
    this.end('lost')
  }

  submit(wire: Wire): null {
    if (!this.sent) {
      this.sent = true
      this.wire = wire
      this.write(wire)
    }
    return null
  }

  handleError(error: Error, wire: Wire): void {
    if (this.ended) return
    if (!('severity' in error)) return this.lose(error)
    this.failure ??= error
    if (this.timer !== undefined && this.clock !== undefined) {
      this.remainingMs = this.timer.dueAt - this.clock.now()
    }
    // pg forgets a query that failed, so the server's readiness has to be heard from the wire.
    wire.once('readyForQuery', () => this.end('refused'))
  }

  handleReadyForQuery(): void {
    this.end(this.failure === undefined ? 'done' : 'refused')
  }

  handleRowDescription(_message: { fields: FieldInfo[] }): void {}
  handleDataRow(_message: { fields: (string | null)[] }): void {}
  handlePortalSuspended(_wire: Wire): void {}
  handleEmptyQuery(_wire: Wire): void {}
  handleCommandComplete(_message: { text: string }, _wire: Wire): void {}
  handleCopyData(_message: { chunk: Buffer }, _wire: Wire): void {}

  /** Only COPY FROM expects it. */
  handleCopyInResponse(wire: Wire): void {
    wire.sendCopyFail('COPY FROM STDIN needs copyFrom')
  }

  /** Ends the caller's wait now, and has the connection reclaimed. */
  protected abandon(ending: 'aborted' | 'timeout', reason: unknown): void {
    if (this.ending !== 'pending') return
    this.ending = ending
    this.unbind()
    this.reject(reason)
    if (this.wire !== undefined && !this.ended) this.onAbandon(this.wire)
    this.owner?.exchangeAbandoned(this)
  }

  /** Called when nobody waits any more for an exchange that is under way. */
  protected onAbandon(_wire: Wire): void {}

  /** The server may have lost its prepared statements, or their plans. */
  forgetStatements(): void {}

  /** Notes what a command, known by its tag, leaves behind in the session. */
  protected noteEffect(tag: string, cache: StatementCache): void {
    if (ALTERING.has(tag)) this.altersSession = true
    else if (FORGETTING.has(tag)) cache.clear()
  }

  /** Fails for a reason that is not the server's; it still has to come to its end. */
  protected refuse(error: unknown): void {
    if (this.failure !== undefined) return
    this.failure = error
    this.failedOutside = true
  }

  /** Called once for every exchange, however it ended. */
  protected onEnd(): void {}

  expire(): void {
    this.abandon('timeout', undefined)
  }

  private end(ending: 'done' | 'refused' | 'lost'): void {
    if (this.ended) return
    this.ended = true
    this.unbind()
    this.onEnd()
    this.owner?.exchangeEnded(this)
    if (this.ending === 'pending') this.settle(ending)
  }

  private settle(ending: 'done' | 'refused' | 'lost'): void {
    this.ending = ending
    if (ending === 'done') this.resolve(this.result() as never)
    else this.reject(this.failure)
  }

  private unbind(): void {
    this.timer?.cancel()
    this.context?.unlisten(this)
    this.timer = undefined
    this.context = undefined
  }
}

function onTimeout(exchange: AnyExchange): void {
  exchange.expire()
}
