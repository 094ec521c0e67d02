import { Context } from '@aplomb/kernel'
import { createPool } from '@aplomb/pool'
import { correlation, startTelemetry } from '@aplomb/telemetry'
import { pino } from 'pino'

const logger = pino({ mixin: correlation, base: null, timestamp: false })
const telemetry = startTelemetry({ logger })

// Whatever of Aplomb runs in this process is now counted.
const pool = createPool({ create: async () => ({}), destroy: async () => undefined })
await Context.from({ correlationId: 'order-17' }).run(async () => {
  await pool.use(async () => logger.info('working'))
})
await pool.close()

// What an endpoint for Prometheus would answer.
const text = await telemetry.metrics()
console.log(text.match(/db_client_connection_wait_time_seconds_count.*/)?.[0])
telemetry.stop()
