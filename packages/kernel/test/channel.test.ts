import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, it } from 'vitest'
import { callHook, eventChannel, subscribeTo } from '../src/index.ts'

it('is a channel of node:diagnostics_channel by the full name', () => {
  const events = eventChannel<{ n: number }>('kernel', 'test-event')
  expect(events.name).toBe('aplomb:kernel:test-event')
  expect(events.hasSubscribers).toBe(false)
  const seen: unknown[] = []
  const listener = (message: unknown): void => void seen.push(message)
  subscribe('aplomb:kernel:test-event', listener)
  expect(events.hasSubscribers).toBe(true)
  events.publish({ n: 1 })
  unsubscribe('aplomb:kernel:test-event', listener)
  expect(seen).toEqual([{ n: 1 }])
})

it('drops what a subscriber of ours throws, and stops when told', () => {
  const seen: unknown[] = []
  const stop = subscribeTo<{ n: number }>('aplomb:kernel:test-throw', (message) => {
    seen.push(message.n)
    throw new Error('a bad listener')
  })
  const events = eventChannel<{ n: number }>('kernel', 'test-throw')
  events.publish({ n: 1 })
  stop()
  events.publish({ n: 2 })
  expect(seen).toEqual([1])
  expect(channel('aplomb:kernel:test-throw').hasSubscribers).toBe(false)
})

it('a hook that throws or rejects changes nothing and is published', async () => {
  const errors: unknown[] = []
  const stop = subscribeTo<{ hook: string; error: Error }>('aplomb:kernel:hook-error', (message) =>
    errors.push([message.hook, message.error.message])
  )
  callHook('onRetry', undefined)
  callHook(
    'onRetry',
    (n: number) => {
      throw new Error(`sync ${n}`)
    },
    1
  )
  callHook(
    'onRetry',
    async (n: number) => {
      throw new Error(`async ${n}`)
    },
    2
  )
  await Promise.resolve()
  stop()
  expect(errors).toEqual([
    ['onRetry', 'sync 1'],
    ['onRetry', 'async 2']
  ])
})
