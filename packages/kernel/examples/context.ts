import { Context, systemClock, sleep, TimeoutError } from '@aplomb/kernel'

// One deadline for all the work below, however deep it is called.
const work = Context.from({ timeoutMs: 20, correlationId: 'order-17' })

await work.run(async () => {
  const context = Context.current()
  console.log(context.correlationId, context.remainingMs <= 20)
  try {
    await sleep(systemClock, 60_000, context)
  } catch (error) {
    console.log(error instanceof TimeoutError, (error as TimeoutError).code)
  }
})
