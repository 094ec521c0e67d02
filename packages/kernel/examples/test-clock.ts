import { sleep } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'

const clock = new TestClock()
let rang = false
const alarm = sleep(clock, 8 * 60 * 60 * 1000).then(() => (rang = true))

await clock.advance(8 * 60 * 60 * 1000 - 1)
console.log(rang)
await clock.advance(1)
await alarm
console.log(rang, clock.pendingTimers)
