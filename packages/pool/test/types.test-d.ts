import { expectTypeOf, test } from 'vitest'
import type { Factory as GenericFactory } from 'generic-pool'
import { createPool, type Factory, type Lease, type Pool } from '../src/index.ts'

declare const pool: Pool<{ readonly id: number }>

test('the resource’s type follows from the factory', () => {
  const made = createPool({ create: async () => new Date(), destroy: async () => undefined })
  expectTypeOf(made).toEqualTypeOf<Pool<Date>>()
  expectTypeOf(made.acquire()).resolves.toEqualTypeOf<Lease<Date>>()
})

test('use gives what its body gives', () => {
  expectTypeOf(pool.use(({ id }) => id)).resolves.toEqualTypeOf<number>()
  expectTypeOf(pool.use(async ({ id }) => `${id}`)).resolves.toEqualTypeOf<string>()
})

test('a factory for generic-pool is one of ours', () => {
  expectTypeOf<GenericFactory<Date>>().toExtend<Factory<Date>>()
})

test('hooks see the resource, create sees a signal', () => {
  createPool(
    {
      create: ({ signal }) => {
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
        return 7
      },
      destroy: (resource) => expectTypeOf(resource).toEqualTypeOf<number>()
    },
    { validate: (resource) => resource > 6 }
  )
})

test('wrong options do not compile', () => {
  const factory = { create: async () => 1, destroy: async () => undefined }
  // @ts-expect-error a typing mistake
  const misspelt = createPool(factory, { acquireTimeout: 5 })
  // @ts-expect-error no destroy
  const endless = createPool({ create: async () => 1 })
  expectTypeOf(misspelt).toExtend<Pool<number>>()
  expectTypeOf(endless).toExtend<Pool<number>>()
})
