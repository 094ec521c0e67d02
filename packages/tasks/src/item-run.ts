import { AsyncLocalStorage } from 'node:async_hooks'
import type { Context } from '@aplomb/kernel'
import { Admission } from './admission.ts'
import type { ResolvedMapOptions } from './item-options.ts'
import { Lanes, type Ending, type Mapper, type Sink } from './lanes.ts'
import { SourceReader, type Source } from './source.ts'
import { NodeContext, nodeOf, TreeNode, type NodeFacts } from './tree-node.ts'

/** One run over many items, as a place in the tree and a branch of the context. */
export abstract class ItemRun<T, R, Place> extends TreeNode implements Sink<R, Place> {
  readonly context: Context
  protected readonly lanes: Lanes<T, R, Place>
  private readonly options: ResolvedMapOptions
  private readonly startedAt: number
  private readonly inContext: <A>(call: (argument: A) => void, argument: A) => void

  constructor(source: Source<T>, mapper: Mapper<T, R>, base: Context, options: ResolvedMapOptions) {
    super()
    this.options = options
    this.context = new NodeContext(base, this, { clock: options.clock })
    this.startedAt = Math.floor(this.context.clock.coarseNow())
    const admission: Admission = new Admission(
      options.concurrency,
      options.adaptive,
      this.context,
      () => this.pump(),
      (error) => this.lanes.fail('the limiter', error)
    )
    const reader = new SourceReader(source)
    this.lanes = new Lanes(reader, mapper, this, this.context, admission)
    // Entering a snapshot is many times as cheap as `context.run`.
    this.inContext = this.context.run(() => AsyncLocalStorage.snapshot())
    this.enterTree(nodeOf(base))
  }

  abstract hasRoom(inFlight: number): boolean
  abstract begin(): Place
  abstract deliver(place: Place, value: R): void
  protected abstract onEnd(ending: Ending | undefined): void

  get name(): string {
    return this.options.name
  }

  start(): void {
    this.context.listen(this.lanes)
    if (this.context.aborted) this.lanes.onAbort(this.context.reason)
    else this.pump()
  }

  end(ending: Ending | undefined): void {
    this.context.unlisten(this.lanes)
    this.context.close()
    this.leaveTree()
    this.onEnd(ending)
  }

  facts(): NodeFacts {
    const { inFlight, count } = this.lanes
    const state = this.context.aborted ? 'cancelling' : 'running'
    const waitsFor = `${inFlight} items, ${count - inFlight} done`
    return { kind: 'map', name: this.name, state, startedAt: this.startedAt, waitsFor }
  }

  /** Starts what there is room for, in this run's own context, whoever makes the room. */
  protected pump(): void {
    this.inContext(pump, this.lanes)
  }
}

function pump(lanes: { pump(): void }): void {
  lanes.pump()
}
