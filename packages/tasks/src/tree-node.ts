import { Context, type ContextChanges } from '@aplomb/kernel'
import { LinkedList, type Linked } from './linked-list.ts'

/** What one live piece of work says of itself; the tree's shape is added by `taskTree`. */
export interface NodeFacts {
  readonly kind: 'group' | 'task' | 'map' | 'offload' | 'shield'
  readonly name: string
  readonly state: string
  /** `clock.now()` when it began. */
  readonly startedAt: number
  readonly waitsFor: string | undefined
}

/** Few wait at a time for what we know, so it is not a field of every node. */
const waits = new WeakMap<TreeNode, string>()

/**
 * A live piece of work. It is in its parent's list from beginning to end, so that the tree can be
 * shown at any time and costs nothing while nobody looks.
 */
export abstract class TreeNode implements Linked<TreeNode> {
  prev: TreeNode | undefined = undefined
  next: TreeNode | undefined = undefined
  /** The list it is in, undefined before it began and after it ended. */
  private siblings: LinkedList<TreeNode> | undefined = undefined
  private ownChildren: LinkedList<TreeNode> | undefined = undefined
  /** What it waits for now, in a few words, where that is known. */
  get waitsFor(): string | undefined {
    return waits.get(this)
  }

  set waitsFor(what: string | undefined) {
    if (what === undefined) waits.delete(this)
    else waits.set(this, what)
  }

  abstract facts(): NodeFacts

  get children(): Iterable<TreeNode> {
    return this.ownChildren ?? []
  }

  /** Begins to be seen, below `parent` or as a root. */
  enterTree(parent: TreeNode | undefined): void {
    this.join(parent === undefined ? roots : (parent.ownChildren ??= new LinkedList()))
  }

  /** Joins a list of work that its parent keeps apart. */
  join(list: LinkedList<TreeNode>): void {
    this.siblings = list
    list.add(this)
  }

  /** Leaves the list it is in, if any. */
  leaveTree(): void {
    this.siblings?.remove(this)
    this.siblings = undefined
  }
}

/** Live work that no other live work of ours started. */
export const roots: LinkedList<TreeNode> = new LinkedList()

/** The context that a piece of work runs in, from which the work can be found. */
export class NodeContext extends Context {
  readonly node: TreeNode

  constructor(parent: Context, node: TreeNode, changes?: ContextChanges) {
    super(parent, changes)
    this.node = node
  }
}

/** The piece of work that `context` belongs to. */
export function nodeOf(context: Context): TreeNode | undefined {
  return context.nearest(isNodeContext)?.node
}

function isNodeContext(context: Context): context is NodeContext {
  return context instanceof NodeContext
}
