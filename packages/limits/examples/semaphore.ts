import { Semaphore } from '@aplomb/limits'

const semaphore = new Semaphore({ permits: 2, maxQueue: 100 })

const permit = await semaphore.acquire()
try {
  console.log(semaphore.available)
} finally {
  permit.release() // or `using permit = await semaphore.acquire()`, where that parses
}

// It is a policy too: at most two of these run at once.
const names = ['a', 'b', 'c', 'd']
const results = names.map((name) => semaphore.execute(async () => name.toUpperCase()))
console.log(await Promise.all(results))

// Whoever waits stops at once when the caller says so, with the caller's own reason.
const both = await semaphore.acquire({ weight: 2 })
const controller = new AbortController()
const waiting = semaphore.acquire({ signal: controller.signal })
controller.abort('changed my mind')
console.log(await waiting.catch((reason: unknown) => reason))
both.release()
