import { pino } from 'pino'
import { Registry } from 'prom-client'
import { expectTypeOf, test } from 'vitest'
import { correlation, startTelemetry, type Logger, type Telemetry } from '../src/index.ts'

test('pino’s loggers and prom-client’s registries fit', () => {
  expectTypeOf(pino()).toExtend<Logger>()
  expectTypeOf(
    startTelemetry({ logger: pino(), prometheus: new Registry() })
  ).toEqualTypeOf<Telemetry>()
})

test('the console fits as a logger', () => {
  expectTypeOf(console).toExtend<Logger>()
})

test('unknown options are refused', () => {
  // @ts-expect-error -- it is called `prometheus`
  expectTypeOf(startTelemetry({ registry: new Registry() })).toEqualTypeOf<Telemetry>()
})

test('correlation is a mixin for pino', () => {
  pino({ mixin: correlation })
  expectTypeOf(correlation()).toEqualTypeOf<{ correlationId?: string }>()
})
