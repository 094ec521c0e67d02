import { abortable, Context, fields, resolveOptions, type Clock, type Fields } from '@aplomb/kernel'
import { TaskTimeoutError } from './errors.ts'
import { isThenable } from './thenable.ts'
import { NodeContext, nodeOf, TreeNode, type NodeFacts } from './tree-node.ts'

/** The options of `shield`. */
export interface ShieldOptions {
  /** Its own deadline, in milliseconds. Default: 5,000; Infinity for none. */
  readonly timeoutMs?: number | undefined
  /** For messages and the tree. Default: `shield`. */
  readonly name?: string | undefined
}

const shieldFields: Fields<ShieldOptions> = {
  timeoutMs: fields.duration(5000),
  name: fields.string('shield')
}

/** Shielded work, as a place in the tree. */
class ShieldNode extends TreeNode {
  private readonly name: string
  private readonly startedAt: number

  constructor(name: string, clock: Clock) {
    super()
    this.name = name
    this.startedAt = Math.floor(clock.coarseNow())
  }

  facts(): NodeFacts {
    const { name, startedAt, waitsFor } = this
    return { kind: 'shield', name, state: 'running', startedAt, waitsFor }
  }
}

/**
 * Runs `work`, clean-up mostly, out of reach of the caller's cancellation and deadline, but with a
 * deadline of its own, so that it cannot go on for ever: then its context is cancelled and the call
 * throws a `TaskTimeoutError` at once. The correlation id stays.
 *
 * @throws OptionsError at once, for wrong options.
 */
export function shield<T>(
  work: (context: Context) => PromiseLike<T> | T,
  options?: ShieldOptions
): Promise<T> {
  const { timeoutMs, name } = resolveOptions('shield', options, shieldFields)
  return shielded(work, name as string, timeoutMs as number)
}

/** `shield` with its options resolved. */
export function shielded<T>(
  work: (context: Context) => PromiseLike<T> | T,
  name: string,
  timeoutMs: number
): Promise<T> {
  const outer = Context.current()
  const { clock, correlationId, attempt } = outer
  const node = new ShieldNode(name, clock)
  const context = new NodeContext(Context.none, node, { clock, correlationId, attempt })
  node.enterTree(nodeOf(outer))
  if (timeoutMs !== Number.POSITIVE_INFINITY) {
    context.expireAfter(timeoutMs, () => context.abort(timeoutError(name, timeoutMs)))
  }
  return abortable(runToEnd(work, context), context)
}

/** It stays in the tree until it has really ended. */
async function runToEnd<T>(
  work: (context: Context) => PromiseLike<T> | T,
  context: NodeContext
): Promise<T> {
  try {
    const result = context.run(() => work(context))
    return isThenable(result) ? await result : result
  } finally {
    context.close()
    context.node.leaveTree()
  }
}

function timeoutError(name: string, timeoutMs: number): TaskTimeoutError {
  const message = `"${name}" did not end within ${timeoutMs} ms`
  return new TaskTimeoutError(message, { phase: 'shield', timeoutMs, tasks: [name] })
}
