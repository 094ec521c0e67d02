import { inspect } from 'node:util'
import { unhandled, type UnhandledEvent } from './events.ts'
import type { MainProcess } from './main-process.ts'
import { listNames } from './stuck.ts'
import { printTaskTree, taskTree, type TaskTreeNode } from './task-tree.ts'
import type { Clock } from '@aplomb/kernel'

/** What `runMain` writes to stderr; each error once. */
export class MainReport {
  private readonly process: MainProcess
  private readonly name: string
  private readonly clock: Clock
  private readonly seen = new Set<unknown>()

  constructor(name: string, process: MainProcess, clock: Clock) {
    this.name = name
    this.process = process
    this.clock = clock
  }

  error(origin: UnhandledEvent['origin'], error: unknown): void {
    if (this.seen.has(error)) return
    this.remember(error)
    const what = origin === 'main' ? 'failed' : `has an error that nothing caught (${origin})`
    this.write(`${this.name} ${what}: ${inspect(error, { depth: 6 })}`)
    if (unhandled.hasSubscribers) unhandled.publish({ origin, error })
  }

  stuck(cause: string, timeoutMs: number): void {
    const tree = taskTree(this.clock)
    const names = listNames(tree.flatMap(leaves))
    const message = `${this.name} was told to stop by ${cause} and has not ended within ${timeoutMs} ms`
    this.write(`${message}; still running: ${names || 'its body'}\n${printTaskTree(tree)}`)
  }

  tree(why: string): void {
    this.write(`live tasks, ${why}:\n${printTaskTree(taskTree(this.clock))}`)
  }

  private write(text: string): void {
    this.process.stderr.write(`${text}\n`)
  }

  /** An error is reported with all that it consists of. */
  private remember(error: unknown): void {
    this.seen.add(error)
    if (error instanceof AggregateError) for (const part of error.errors) this.remember(part)
  }
}

/** Where the waiting really happens: work with no live work below it. */
function leaves(node: TaskTreeNode): string[] {
  return node.children.length === 0 ? [node.name] : node.children.flatMap(leaves)
}
