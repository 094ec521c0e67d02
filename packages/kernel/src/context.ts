import { AsyncLocalStorage } from 'node:async_hooks'
import type { AbortListener, Cancellation } from './cancellation.ts'
import { systemClock, type Clock, type Timer } from './clock.ts'
import { TimeoutError } from './errors.ts'
import {
  addListener,
  removeListener,
  tellListeners,
  type ListenerLink,
  type Listeners
} from './listener-list.ts'
import { follow, unfollow } from './signal-hub.ts'

/** What a caller can say about one call; every wait of every package takes it. */
export interface ContextOptions {
  /** Cancels the call: it rejects at once with `signal.reason`. */
  readonly signal?: AbortSignal | null | undefined
  /** Absolute end in `clock.now()` milliseconds. The earlier of this and any outer one counts. */
  readonly deadline?: number | undefined
  /** The deadline as a time from now, in milliseconds. */
  readonly timeoutMs?: number | undefined
  /** The context to go on from. Default: the ambient one. */
  readonly context?: Context | undefined
  /** Ties together what is logged about one piece of work. Default: the outer one. */
  readonly correlationId?: string | undefined
  /** Which attempt of its call this is, counted from 1. Default: the outer one. */
  readonly attempt?: number | undefined
}

/** What `Context.with` and `Context.child` can change. */
export interface ContextChanges {
  readonly attempt?: number | undefined
  readonly correlationId?: string | undefined
  readonly clock?: Clock | undefined
}

/** Nobody can give this as a reason. */
const pending: unknown = Symbol('pending')
const ambient = new AsyncLocalStorage<Context>()

/**
 * What travels with a call: cancellation, one absolute deadline, the attempt's number and a
 * correlation id. Contexts form a tree; aborting one aborts all below it, with the same reason.
 *
 * It costs one small object. The `AbortController`, the listener on an outer signal and the timer
 * of a deadline come into being when someone reads `signal` or listens, and go with the last
 * listener or with `close`.
 */
export class Context implements Cancellation, AbortListener {
  readonly clock: Clock
  /** Which attempt of its call this is, counted from 1. */
  readonly attempt: number
  readonly correlationId: string | undefined
  /** The context whose cancellation this one shares: itself, unless made by `with`. */
  private readonly scope: Context
  /** The scope above, undefined where nothing above can ever abort. */
  protected readonly outer: Context | undefined
  private external: AbortSignal | undefined
  /** Undefined for none: a field that always holds a double costs a box for each object. */
  private ownDeadline: number | undefined
  /** What lets it expire; a subclass may set one of its own. */
  protected timer: Timer | undefined
  /** Why it was aborted; `pending` before that. */
  private endReason: unknown
  private controller: AbortController | undefined
  private listeners: Listeners
  private linked: boolean
  /** The place among the outer scope's listeners. */
  abortLink: ListenerLink | undefined

  /** Prefer `Context.from`, `context.child` and `context.with`. */
  constructor(parent: Context, changes?: ContextChanges, shared = false) {
    const { scope } = parent
    if (changes === undefined) {
      this.clock = parent.clock
      this.attempt = parent.attempt
      this.correlationId = parent.correlationId
    } else {
      this.clock = changes.clock ?? parent.clock
      this.attempt = changes.attempt ?? parent.attempt
      this.correlationId = changes.correlationId ?? parent.correlationId
    }
    this.scope = shared ? scope : this
    // The root has no scope above it, and nothing ever aborts the root.
    this.outer = scope === undefined || scope === root ? undefined : scope
    this.external = undefined
    this.ownDeadline = undefined
    this.timer = undefined
    this.endReason = pending
    this.controller = undefined
    this.listeners = undefined
    this.linked = false
    this.abortLink = undefined
  }

  /** The context of the code that runs now: that of the nearest `run`, else an empty one. */
  static current(): Context {
    return ambient.getStore() ?? root
  }

  /** An empty context that nothing aborts, for work that outlives the call which began it. */
  static get none(): Context {
    return root
  }

  /**
   * The context a call shall run in: the ambient one, a given one, or a child of it with what the
   * options say. A wait that only listens needs no more; a call that hands out `signal` goes
   * through `Context.use`, which closes what was made.
   */
  static from(options?: ContextOptions | Context, clock?: Clock): Context {
    if (options === undefined) return ambient.getStore() ?? root
    if (options instanceof Context) return options
    const parent = options.context ?? Context.current()
    const { signal, deadline, timeoutMs, attempt, correlationId } = options
    if (signal == null && deadline === undefined && timeoutMs === undefined) {
      if (attempt === undefined && correlationId === undefined) return parent
      return parent.with({ attempt, correlationId })
    }
    const context = new Context(parent, { attempt, correlationId, clock })
    context.external = signal ?? undefined
    context.limit(deadline, timeoutMs)
    return context
  }

  /** Runs `body` in the context of `from`, and closes that when the call is over. */
  static use<T>(
    options: ContextOptions | Context | undefined,
    body: (context: Context) => Promise<T>,
    clock?: Clock
  ): Promise<T> {
    const context = Context.from(options, clock)
    if (options === undefined || context === options || !context.needsClose) return body(context)
    return body(context).finally(() => context.close())
  }

  /** A context below this one that can be aborted, and have a timer, of its own. */
  child(changes?: ContextChanges): Context {
    return new Context(this, changes)
  }

  /** The same context, cancellation included, with other data. */
  with(changes: ContextChanges): Context {
    return new Context(this, changes, true)
  }

  /**
   * The nearest of this context and those whose abort reaches it for which `test` holds: for who
   * keeps books by context, as a tree of tasks does.
   */
  nearest<C extends Context>(test: (context: Context) => context is C): C | undefined {
    let scope: Context | undefined = this.scope
    while (scope !== undefined) {
      if (test(scope)) return scope
      scope = scope.outer?.scope
    }
    return undefined
  }

  /** Aborted when this context or one above it is; created when it is first read. */
  get signal(): AbortSignal {
    if (this.scope !== this) return this.scope.signal
    if (this.controller !== undefined) return this.controller.signal
    if (this.isOnlyExternal && this.external !== undefined) return this.external
    const controller = new AbortController()
    if (this === root) return controller.signal
    this.controller = controller
    if (this.aborted) controller.abort(this.reason)
    else this.link()
    return controller.signal
  }

  get aborted(): boolean {
    const { scope } = this
    if (scope.endReason !== pending || scope.external?.aborted === true) return true
    if (scope.ownDeadline !== undefined && scope.hasExpired()) return true
    return scope.outer !== undefined && scope.outer.aborted
  }

  /** Why it was aborted: the very object given to `abort` or by the outer signal. */
  get reason(): unknown {
    const { scope } = this
    if (scope.endReason !== pending) return scope.endReason
    if (scope.external?.aborted === true) return scope.external.reason
    return scope.outer?.reason
  }

  /** The earliest end of this context and all above it, in `clock.now()` ms; Infinity for none. */
  get deadline(): number {
    const { scope } = this
    let own = scope.ownDeadline ?? Number.POSITIVE_INFINITY
    if (scope.timer !== undefined) own = Math.min(own, scope.timer.dueAt)
    if (scope.outer === undefined) return own
    const { deadline, clock } = scope.outer
    if (clock === scope.clock || deadline === Number.POSITIVE_INFINITY) {
      return Math.min(own, deadline)
    }
    return Math.min(own, scope.clock.now() + deadline - clock.now())
  }

  /** Milliseconds until the deadline, 0 when it has passed; Infinity without one. */
  get remainingMs(): number {
    const { deadline } = this
    if (deadline === Number.POSITIVE_INFINITY) return deadline
    return Math.max(0, deadline - this.scope.clock.now())
  }

  /** Throws the reason, the very object, if this context is aborted. */
  throwIfAborted(): void {
    if (this.aborted) throw this.reason
  }

  /** Aborts this context and all below it. The first reason counts. */
  abort(reason: unknown): void {
    if (!this.aborted) this.scope.end(reason)
  }

  /**
   * Calls `expire(context)`, which may abort it, when `delayMs` have passed, and counts that
   * instant as its deadline. One at a time, on a context made by `child`; `close` stops it.
   */
  expireAfter(delayMs: number, expire: (context: this) => void): void {
    this.timer?.cancel()
    this.timer = this.clock.setTimer(expire, delayMs, this)
  }

  listen(listener: AbortListener): void {
    const { scope } = this
    if (scope === root) return
    scope.listeners = addListener(scope.listeners, listener)
    if (!scope.linked) scope.link()
  }

  unlisten(listener: AbortListener): void {
    const { scope } = this
    scope.listeners = removeListener(scope.listeners, listener)
    if (scope.listeners === undefined && scope.controller === undefined) scope.unlink()
  }

  /** Called by the context above, or for the outer signal, not by you. */
  onAbort(reason: unknown): void {
    if (this.endReason === pending) this.end(reason)
  }

  /** Runs `operation` with this context as the ambient one. */
  run<T>(operation: () => T): T {
    return ambient.run(this, operation)
  }

  /**
   * The work is over: gives back the timer and the links to what is above. A signal that was
   * handed out stays as it is. On a context made by `with` it does nothing.
   */
  close(): void {
    if (this.timer !== undefined) {
      this.timer.cancel()
      this.timer = undefined
    }
    if (this.linked) this.unlink()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  private limit(deadline = Number.POSITIVE_INFINITY, timeoutMs = Number.POSITIVE_INFINITY): void {
    const end =
      timeoutMs === Number.POSITIVE_INFINITY
        ? deadline
        : Math.min(deadline, this.clock.now() + timeoutMs)
    this.ownDeadline = end <= Number.MAX_VALUE ? end : undefined
  }

  private get isOnlyExternal(): boolean {
    return (
      this.outer === undefined &&
      this.timer === undefined &&
      this.ownDeadline === undefined &&
      this.endReason === pending
    )
  }

  private get needsClose(): boolean {
    return this.external !== undefined || this.ownDeadline !== undefined
  }

  private hasExpired(): boolean {
    if (this.ownDeadline === undefined || this.clock.now() < this.ownDeadline) return false
    this.end(deadlineError())
    return true
  }

  private end(reason: unknown): void {
    this.endReason = reason
    this.close()
    this.controller?.abort(reason)
    tellListeners(this.listeners, reason)
    this.listeners = undefined
  }

  /** Listens to what is above; `close` ends it. */
  protected link(): void {
    this.linked = true
    if (this.external !== undefined) follow(this.external, this)
    this.outer?.listen(this)
    if (this.ownDeadline !== undefined && this.timer === undefined) {
      this.expireAfter(this.ownDeadline - this.clock.now(), (context) => {
        context.abort(deadlineError())
      })
    }
  }

  private unlink(): void {
    if (!this.linked) return
    this.linked = false
    if (this.external !== undefined) unfollow(this.external, this)
    this.outer?.unlisten(this)
    if (this.ownDeadline !== undefined) {
      this.timer?.cancel()
      this.timer = undefined
    }
  }
}

function deadlineError(): TimeoutError {
  return new TimeoutError('The deadline has passed', { phase: 'total' })
}

/** Nothing aborts it, so nothing is ever attached to it. */
const root: Context = new Context({ clock: systemClock, attempt: 1 } as unknown as Context)
