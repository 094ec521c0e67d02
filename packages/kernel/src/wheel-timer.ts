import type { Timer } from './clock.ts'
import type { TimerWheel } from './timer-wheel.ts'

/** Not a NaN: a field that always holds a double costs a box for each timer. */
const unstamped = undefined as unknown as number

/** One timer: a node of a circular list, so that starting and cancelling are a few writes. */
export class WheelTimer implements Timer {
  prev: WheelTimer
  next: WheelTimer
  /** Not a number until the timer has been stamped with the time. */
  due: number
  private readonly wheel: TimerWheel | undefined
  private readonly callback: ((argument: unknown) => void) | undefined
  private argument: unknown
  readonly delayMs: number
  readonly background: boolean
  private reused: boolean
  /**
   * Cancelled, but left in the list of fresh timers until the end of the turn, since what was
   * started again before will soon be once more.
   */
  idle: boolean

  constructor(
    wheel?: TimerWheel,
    callback?: (argument: unknown) => void,
    delayMs = 0,
    argument?: unknown,
    background = false
  ) {
    this.prev = this
    this.next = this
    this.due = unstamped
    this.wheel = wheel
    this.callback = callback
    this.delayMs = delayMs
    this.argument = argument
    this.background = background
    this.reused = false
    this.idle = false
  }

  get dueAt(): number {
    if (this.due === unstamped) this.wheel?.stamp(this)
    return this.due
  }

  cancel(): void {
    this.argument = undefined
    if (this.next === this) return
    if (this.reused && this.due === unstamped) {
      this.idle = true
    } else {
      this.unlink()
      this.wheel?.forget(this.background)
    }
  }

  restart(argument?: unknown): void {
    this.argument = argument
    if (this.idle) {
      this.idle = false
    } else {
      this.reused = true
      this.due = unstamped
      this.wheel?.start(this)
    }
  }

  insertBefore(node: WheelTimer): void {
    this.prev = node.prev
    this.next = node
    node.prev.next = this
    node.prev = this
  }

  unlink(): void {
    this.prev.next = this.next
    this.next.prev = this.prev
    this.prev = this
    this.next = this
  }

  run(): void {
    this.callback?.(this.argument)
  }
}
