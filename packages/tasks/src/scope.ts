import { Context, fields, resolveOptions, type Fields } from '@aplomb/kernel'
import { isCancellation } from './cancelled.ts'
import { GroupClosedError, TasksFailedError, type TaskFailure } from './errors.ts'
import { shielded } from './shield.ts'

/** Something that is made and must be given back, as a recipe: nothing is made yet. */
export interface Resource<T> {
  readonly name: string
  create(context: Context): PromiseLike<T> | T
  dispose(value: T): unknown
}

/** The options of `scope`. */
export interface ScopeOptions {
  /** How long each clean-up may take, in milliseconds. Default: 5,000; Infinity for no end. */
  readonly cleanupTimeoutMs?: number | undefined
  /** For messages and the tree. Default: `scope`. */
  readonly name?: string | undefined
}

const scopeFields: Fields<ScopeOptions> = {
  cleanupTimeoutMs: fields.duration(5000),
  name: fields.string('scope')
}

interface Cleanup {
  readonly name: string
  readonly run: () => unknown
}

/**
 * Gives back what it was given, the last first. Each clean-up is shielded from cancellation and has
 * a deadline of its own; one that fails or hangs keeps none of the others from their turn. It is an
 * `AsyncDisposableStack` that works on every Node.
 */
export class Scope implements AsyncDisposable {
  readonly name: string
  private readonly cleanupTimeoutMs: number
  private readonly cleanups: Cleanup[] = []
  private closing: Promise<void> | undefined = undefined

  /** Scopes come from `scope`. */
  constructor(options?: ScopeOptions) {
    const resolved = resolveOptions('scope', options, scopeFields)
    this.name = resolved.name as string
    this.cleanupTimeoutMs = resolved.cleanupTimeoutMs as number
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.closing !== undefined
  }

  /** Disposes of `value` at the end, by `Symbol.asyncDispose` or `Symbol.dispose`. */
  use<T extends AsyncDisposable | Disposable | null | undefined>(value: T): T {
    if (value == null) return value
    const dispose = disposerOf(value)
    this.add(value.constructor.name, dispose)
    return value
  }

  /** Calls `dispose(value)` at the end. */
  adopt<T>(value: T, dispose: (value: T) => unknown): T {
    this.add(dispose.name, () => dispose(value))
    return value
  }

  /** Calls `cleanup` at the end. */
  defer(cleanup: () => unknown): void
  defer(name: string, cleanup: () => unknown): void
  defer(first: string | (() => unknown), second?: () => unknown): void {
    if (typeof first === 'string') this.add(first, second as () => unknown)
    else this.add(first.name, first)
  }

  /**
   * Makes a resource that lives until the end. When the scope is closed, or the caller cancelled,
   * while it is being made, it is given back at once.
   */
  async open<T>(resource: Resource<T>): Promise<T> {
    this.throwIfClosed()
    const context = Context.current()
    context.throwIfAborted()
    const value = await resource.create(context)
    const dispose = (): unknown => resource.dispose(value)
    if (this.closed || context.aborted) {
      await shielded(dispose, resource.name, this.cleanupTimeoutMs)
      context.throwIfAborted()
    }
    this.add(resource.name, dispose)
    return value
  }

  /**
   * Runs all clean-ups. One error is thrown as it is, several in one `TasksFailedError`. Every
   * caller waits for the same end.
   */
  close(): Promise<void> {
    this.closing ??= this.closeAll([])
    return this.closing
  }

  /** The same for a body that failed: its error comes first, unless it was only cancelled. */
  async closeAfter(error: unknown): Promise<never> {
    const cancelled = isCancellation(error, Context.current())
    this.closing ??= this.closeAll(cancelled ? [] : [{ task: `the body of ${this.name}`, error }])
    await this.closing
    throw error
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private add(name: string, run: () => unknown): void {
    this.throwIfClosed()
    this.cleanups.push({ name: name === '' ? 'clean-up' : name, run })
  }

  private throwIfClosed(): void {
    if (!this.closed) return
    throw new GroupClosedError(`The scope "${this.name}" is closed and takes nothing more`)
  }

  private async closeAll(failures: TaskFailure[]): Promise<void> {
    for (let cleanup = this.cleanups.pop(); cleanup !== undefined; cleanup = this.cleanups.pop()) {
      try {
        await shielded(cleanup.run, `clean-up ${cleanup.name}`, this.cleanupTimeoutMs)
      } catch (error) {
        failures.push({ task: `clean-up ${cleanup.name}`, error })
      }
    }
    const [first, second] = failures
    if (first === undefined) return
    if (second === undefined) throw first.error
    throw new TasksFailedError(`The scope "${this.name}" failed`, failures)
  }
}

/** A recipe for something that must be given back, for `scope.open`. */
export function resource<T>(
  create: (context: Context) => PromiseLike<T> | T,
  dispose: (value: T) => unknown,
  name: string = create.name || 'resource'
): Resource<T> {
  return { name, create, dispose }
}

/**
 * A scope to be closed by `await using` or `close`; or, with `body`, one that is closed when the
 * body has ended. The body's error and those of the clean-ups are all kept.
 */
export function scope(options?: ScopeOptions): Scope
export function scope<T>(
  body: (scope: Scope) => PromiseLike<T> | T,
  options?: ScopeOptions
): Promise<T>
export function scope<T>(
  first?: ScopeOptions | ((scope: Scope) => PromiseLike<T> | T),
  options?: ScopeOptions
): Scope | Promise<T> {
  if (typeof first !== 'function') return new Scope(first)
  return runScope(new Scope(options), first)
}

async function runScope<T>(scope: Scope, body: (scope: Scope) => PromiseLike<T> | T): Promise<T> {
  let result: T
  try {
    result = await body(scope)
  } catch (error) {
    return scope.closeAfter(error)
  }
  await scope.close()
  return result
}

function disposerOf(value: AsyncDisposable | Disposable): () => unknown {
  if (Symbol.asyncDispose in value) return () => value[Symbol.asyncDispose]()
  if (typeof value[Symbol.dispose] === 'function') return () => value[Symbol.dispose]()
  throw new TypeError('scope.use: the value has neither Symbol.asyncDispose nor Symbol.dispose')
}
