import { hasHeader, headerRecordOf, headerValue, type HeaderRecord } from './header-list.ts'
import type { Plan } from './plan.ts'

interface ReadyHeaders {
  readonly record: HeaderRecord
  readonly raw: readonly Buffer[]
  /** What `Content-Length` says. */
  readonly declared: number
}

const ready = new WeakMap<Plan, ReadyHeaders>()

/** A plan's headers in the forms that handlers take, made once. */
export function readyOf(plan: Plan): ReadyHeaders {
  let found = ready.get(plan)
  if (found === undefined) {
    const list = [...plan.headers]
    if (plan.body instanceof Uint8Array && !hasHeader(list, 'content-length')) {
      if (!hasHeader(list, 'transfer-encoding')) list.push('content-length', `${plan.body.length}`)
    }
    const raw = list.map((text) => Buffer.from(text, 'latin1'))
    const declared = Number(headerValue(list, 'content-length') ?? Number.POSITIVE_INFINITY)
    found = { record: headerRecordOf(list), raw, declared }
    ready.set(plan, found)
  }
  return found
}
