import { expect, it } from 'vitest'
import { asyncDisposable, disposable, suppressedError } from '../src/index.ts'

it('disposes once', () => {
  let count = 0
  const resource = disposable(() => count++)
  {
    using _first = resource
    using _second = resource
  }
  expect(count).toBe(1)
})

it('disposes once asynchronously, and everyone waits for that one', async () => {
  const gate = Promise.withResolvers<void>()
  let count = 0
  const resource = asyncDisposable(async () => {
    count++
    await gate.promise
  })
  const both = Promise.all([resource[Symbol.asyncDispose](), resource[Symbol.asyncDispose]()])
  gate.resolve()
  await both
  expect(count).toBe(1)
})

it('turns a synchronous throw into a rejection', async () => {
  const resource = asyncDisposable(() => {
    throw new Error('sync')
  })
  await expect(resource[Symbol.asyncDispose]()).rejects.toThrow('sync')
})

it('keeps both errors, whether or not the language has SuppressedError', () => {
  const error = suppressedError('last', 'first')
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject({ name: 'SuppressedError', error: 'last', suppressed: 'first' })
})
