import type { StandardSchemaV1 } from '@standard-schema/spec'
import { HttpSchemaError, type RequestFacts } from './errors.ts'

/** Any schema that follows Standard Schema: zod, valibot, arktype … */
export type Schema<Output = unknown> = StandardSchemaV1<unknown, Output>

/** What a schema makes of a value. */
export type SchemaOutput<S extends Schema> = StandardSchemaV1.InferOutput<S>

/** The value as the schema gives it. @throws HttpSchemaError, perhaps as a rejection. */
export function validate<T>(
  schema: Schema<T>,
  value: unknown,
  facts: RequestFacts
): T | Promise<T> {
  const result = schema['~standard'].validate(value)
  return result instanceof Promise
    ? result.then((r) => accepted(r, facts))
    : accepted(result, facts)
}

function accepted<T>(result: StandardSchemaV1.Result<T>, facts: RequestFacts): T {
  if (result.issues !== undefined) throw new HttpSchemaError(result.issues, facts)
  return result.value
}
