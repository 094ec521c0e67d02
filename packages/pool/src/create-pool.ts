import { describe, invalidOptions } from '@aplomb/kernel'
import type { Factory } from './factory.ts'
import type { PoolOptions } from './options.ts'
import type { Pool } from './pool.ts'
import { ResourcePool } from './resource-pool.ts'

/**
 * Makes a pool of what `factory` creates, and begins to create `min` of them. A factory written for
 * generic-pool can be used as it is.
 *
 * @throws OptionsError
 */
export function createPool<T>(factory: Factory<T>, options?: PoolOptions<T>): Pool<T> {
  const issues = [...factoryIssues(factory)]
  if (issues.length > 0) throw invalidOptions('createPool', issues)
  return new ResourcePool(factory, options)
}

function* factoryIssues(factory: unknown): Generator<string> {
  if (typeof factory !== 'object' || factory === null) {
    yield `factory: must be an object, not ${describe(factory)}`
    return
  }
  const hooks = factory as Record<string, unknown>
  for (const hook of ['create', 'destroy', 'validate', 'reset']) {
    const value = hooks[hook]
    const optional = hook === 'validate' || hook === 'reset'
    if (typeof value === 'function' || (optional && value === undefined)) continue
    yield `factory.${hook}: must be a function, not ${describe(value)}`
  }
}
