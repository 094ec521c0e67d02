// What an acquire and a release cost. Aim, in every column: at most 2.2 times a minimal ideal pool
// (speed 0.45 or more), at least 1.8 times lightning-pool's speed and 2.5 times generic-pool's; with
// our default acquire timeout on, while all peers run without any.
import { createPool, type Lease } from '@aplomb/pool'
import genericPool from 'generic-pool'
import * as lightningPool from 'lightning-pool'
import { EventEmitter } from 'node:events'
import PgPool from 'pg-pool'
import { Pool as TarnPool } from 'tarn'
import { ask, type Answer, type Contender } from './harness.ts'

const operations = 200_000

interface Column {
  readonly title: string
  readonly resources: number
  readonly workers: number
}

const columns: readonly Column[] = [
  { title: 'pool: acquire + release, uncontended', resources: 10, workers: 1 },
  { title: 'pool: acquire + release, hand-off (1 resource, 2 workers)', resources: 1, workers: 2 },
  { title: 'pool: acquire + release, 10 resources, 1,000 workers', resources: 10, workers: 1000 }
]

/** As little as a pool can do: a stack of idle resources and a queue of resolvers. */
class IdealPool<T> {
  private readonly create: () => Promise<T>
  private readonly idle: T[] = []
  private waiting: ((resource: T) => void)[] = []
  private head = 0
  private places: number

  constructor(create: () => Promise<T>, max: number) {
    this.create = create
    this.places = max
  }

  acquire(): Promise<T> {
    const resource = this.idle.pop()
    if (resource !== undefined) return Promise.resolve(resource)
    if (this.places > 0) {
      this.places--
      return this.create()
    }
    return new Promise((resolve) => this.waiting.push(resolve))
  }

  release(resource: T): void {
    if (this.head === this.waiting.length) {
      this.idle.push(resource)
      return
    }
    const waiter = this.waiting[this.head++] as (resource: T) => void
    if (this.head > 1024 && this.head * 2 > this.waiting.length) {
      this.waiting = this.waiting.slice(this.head)
      this.head = 0
    }
    waiter(resource)
  }
}

/** As much of a `pg.Client` as pg-pool asks for. */
class NoClient extends EventEmitter {
  readonly _queryable = true
  readonly _ending = false

  connect(connected: (error?: Error) => void): void {
    connected()
  }

  end(ended?: () => void): void {
    ended?.()
  }
}

const create = async (): Promise<object> => ({})
const destroy = async (): Promise<void> => undefined

function working<L>(
  { workers }: Column,
  acquire: () => PromiseLike<L>,
  release: (lease: L) => unknown
): () => Promise<number> {
  const perWorker = operations / workers
  const work = async (): Promise<void> => {
    for (let operation = 0; operation < perWorker; operation++) void release(await acquire())
  }
  return async () => {
    await Promise.all(Array.from({ length: workers }, work))
    return operations
  }
}

function contenders(column: Column): readonly Contender[] {
  const max = column.resources
  const ideal = new IdealPool(create, max)
  const aplomb = createPool({ create, destroy }, { max })
  const lightning = lightningPool.createPool({ create, destroy }, { max, maxQueue: 10_000 })
  const generic = genericPool.createPool({ create, destroy }, { max })
  const tarn = new TarnPool({ create, destroy, min: 0, max })
  const pg = new PgPool({ max, Client: NoClient as never })
  return [
    {
      name: 'ideal',
      round: working(
        column,
        () => ideal.acquire(),
        (resource) => ideal.release(resource)
      )
    },
    {
      name: '@aplomb/pool',
      round: working(
        column,
        () => aplomb.acquire(),
        (lease: Lease<object>) => lease.release()
      )
    },
    {
      name: 'lightning-pool',
      round: working(
        column,
        () => lightning.acquire(),
        (resource) => lightning.release(resource)
      )
    },
    {
      name: 'generic-pool',
      round: working(
        column,
        () => generic.acquire(),
        (resource) => generic.release(resource)
      )
    },
    {
      name: 'pg-pool',
      round: working(
        column,
        () => pg.connect(),
        (client) => client.release()
      )
    },
    {
      name: 'tarn',
      round: working(
        column,
        () => tarn.acquire().promise,
        (resource) => tarn.release(resource)
      )
    }
  ]
}

export default async function pool(): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  for (const column of columns) {
    const { title } = column
    answers.push(await ask({ title, baseline: 'ideal', contenders: contenders(column) }))
  }
  return answers
}
