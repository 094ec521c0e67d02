import type { AbortListener, Context, Permit, Timer } from '@aplomb/kernel'
import { outcomeOf, type Admission } from './admission.ts'
import { abortError, isCancellation } from './cancelled.ts'
import { TasksFailedError, type TaskFailure } from './errors.ts'
import { Lane, type LaneOwner } from './lane.ts'
import type { SourceReader } from './source.ts'
import { warnOfStuck } from './stuck.ts'
import { isThenable } from './thenable.ts'

/** The work for one item. `context` is shared by all items; its signal tells them to stop. */
export type Mapper<T, R> = (item: T, context: Context, index: number) => PromiseLike<R> | R

/** Why it all ended other than well; a box, since any value can be thrown. */
export interface Ending {
  readonly error: unknown
}

/** Where results go. `Place` is what it keeps for an item from its start on. */
export interface Sink<R, Place> {
  readonly name: string
  /** Whether one more item may be read while so many are under way. */
  hasRoom(inFlight: number): boolean
  begin(): Place
  deliver(place: Place, value: R): void
  /** The source is closed and nothing runs any more. */
  end(ending: Ending | undefined): void
}

const graceMs = 5000

/**
 * Reads a source, no item before there is room for it, and runs the mapper for several items at
 * once. The first failure stops the reading, tells the others to stop, closes the source, and ends
 * it all when nothing runs.
 */
export class Lanes<T, R, Place> implements LaneOwner<R, Place>, AbortListener {
  inFlight = 0
  /** How many items have been read. */
  count = 0
  private phase: 'reading' | 'exhausted' | 'stopping' | 'ended' = 'reading'
  private readonly reader: SourceReader<T>
  private readonly mapper: Mapper<T, R>
  private readonly sink: Sink<R, Place>
  private readonly context: Context
  private readonly admission: Admission
  private readonly free: Lane<R, Place>[] = []
  private readonly failures: TaskFailure[] = []
  private ending: Ending | undefined = undefined
  private pumping = false
  /** What the item that an async source was asked for will run under; undefined if nobody cares. */
  private asked: Permit | undefined = undefined
  private closing = false
  private grace: Timer | undefined = undefined

  constructor(
    reader: SourceReader<T>,
    mapper: Mapper<T, R>,
    sink: Sink<R, Place>,
    context: Context,
    admission: Admission
  ) {
    this.reader = reader
    this.mapper = mapper
    this.sink = sink
    this.context = context
    this.admission = admission
  }

  /** Starts what there is room for. Call it in the context that the mapper shall run in. */
  pump(): void {
    if (this.pumping) return
    this.pumping = true
    while (this.phase === 'reading' && this.asked === undefined) {
      if (!this.sink.hasRoom(this.inFlight)) break
      const permit = this.admission.take()
      if (permit === undefined) break
      this.readOne(permit)
    }
    this.pumping = false
    this.endIfDone()
  }

  /** Stops because nobody wants more. */
  stop(): void {
    this.halt(abortError(`${this.sink.name} was stopped`), undefined)
  }

  /** Stops because of an error that is not an item's own. */
  fail(where: string, error: unknown): void {
    this.failures.push({ task: where, error })
    this.halt(abortError(`${where} failed, and with it ${this.sink.name}`, error), undefined)
  }

  /** The caller cancels. */
  onAbort(reason: unknown): void {
    this.halt(reason, { error: reason })
  }

  onValue(lane: Lane<R, Place>, value: R): void {
    const { place } = lane
    this.leave(lane).release('success')
    this.sink.deliver(place, value)
    this.pump()
  }

  onError(lane: Lane<R, Place>, error: unknown): void {
    this.leave(lane).release(outcomeOf(error))
    if (isCancellation(error, this.context)) this.endIfDone()
    else this.fail(`item ${lane.index}`, error)
  }

  private readOne(permit: Permit): void {
    try {
      const reading = this.reader.read()
      if (isThenable(reading)) {
        this.asked = permit
        reading.then(this.onRead, this.onReadError)
      } else this.accept(reading, permit)
    } catch (error) {
      permit.release('ignored')
      this.onSourceBroken(error)
    }
  }

  private readonly onRead = (reading: IteratorResult<T, unknown>): void => {
    const permit = this.asked
    this.asked = undefined
    if (permit === undefined) return
    this.accept(reading, permit)
    this.pump()
  }

  private readonly onReadError = (error: unknown): void => {
    if (this.asked === undefined) return
    this.asked.release('ignored')
    this.asked = undefined
    this.onSourceBroken(error)
  }

  /** A source that throws has ended by itself, so it is not closed. */
  private onSourceBroken(error: unknown): void {
    this.phase = 'exhausted'
    if (isCancellation(error, this.context)) this.onAbort(this.context.reason)
    else this.fail('the source', error)
  }

  private accept({ value, done }: IteratorResult<T, unknown>, permit: Permit): void {
    if (done === true) {
      permit.release('ignored')
      this.phase = 'exhausted'
      return
    }
    this.begin(value, permit)
  }

  private begin(item: T, permit: Permit): void {
    const lane = this.free.pop() ?? new Lane<R, Place>(this)
    lane.index = this.count++
    lane.permit = permit
    lane.place = this.sink.begin()
    this.inFlight++
    try {
      const result = this.mapper(item, this.context, lane.index)
      if (isThenable(result)) result.then(lane.onValue, lane.onError)
      else this.onValue(lane, result)
    } catch (error) {
      this.onError(lane, error)
    }
  }

  private leave(lane: Lane<R, Place>): Permit {
    this.inFlight--
    this.free.push(lane)
    return lane.permit
  }

  private halt(reason: unknown, ending: Ending | undefined): void {
    const { phase } = this
    if (phase === 'ended') return
    if (phase === 'stopping') return this.endIfDone()
    this.phase = 'stopping'
    this.ending = ending
    if (phase === 'reading') this.closeSource()
    this.context.abort(reason)
    if (this.inFlight > 0) this.warnLater()
    this.endIfDone()
  }

  /** A source that has not answered yet cannot close before it does, so nobody waits for that. */
  private closeSource(): void {
    this.closing = this.asked === undefined
    this.asked?.release('ignored')
    this.asked = undefined
    this.reader.close().then(
      () => this.onSourceClosed(),
      (error: unknown) => this.onSourceClosed({ error })
    )
  }

  private onSourceClosed(failed?: Ending): void {
    if (this.closing && failed !== undefined) {
      this.failures.push({ task: 'closing the source', error: failed.error })
    }
    this.closing = false
    this.endIfDone()
  }

  private warnLater(): void {
    const { clock } = this.context
    this.grace = clock.setTimer(() => {
      const tasks = [`${this.inFlight} of its items`]
      warnOfStuck({ group: this.sink.name, tasks, afterMs: graceMs, abandoned: false })
    }, graceMs)
  }

  private endIfDone(): void {
    const { phase } = this
    if (this.inFlight > 0 || this.closing || this.pumping) return
    if (phase !== 'exhausted' && phase !== 'stopping') return
    this.phase = 'ended'
    this.grace?.cancel()
    this.sink.end(this.failure() ?? this.ending)
  }

  private failure(): Ending | undefined {
    const [first, second] = this.failures
    if (first === undefined) return undefined
    if (second === undefined) return { error: first.error }
    return { error: new TasksFailedError(`${this.sink.name} failed`, this.failures) }
  }
}
