import { describe } from '@aplomb/kernel'
import { isFault, type Fault } from './fault.ts'
import { headerListOf } from './header-list.ts'
import type { MockRequest } from './mock-request.ts'
import { emptyPlan, type Plan } from './plan.ts'
import { planOfSpec, type ReplySpec } from './reply-spec.ts'

/** Works a reply out from the request, each time anew. */
export type ReplyFunction = (request: MockRequest) => ReplyValue | PromiseLike<ReplyValue>

/** What a reply function may give: a WHATWG `Response` too. */
export type ReplyValue = ReplySpec | Fault | Response

/** Everything a route can answer with. */
export type Reply = ReplyValue | ReplyFunction

const specKeys = ['status', 'statusText', 'headers', 'json', 'text', 'bytes', 'stream', 'delayMs']
const bodyKeys = ['json', 'text', 'bytes', 'stream']

/** A `Response` must be read first; everything else is ready at once. */
export function planOf(value: ReplyValue): Plan | Promise<Plan> {
  if (isFault(value)) return value.plan
  return value instanceof Response ? planOfResponse(value) : planOfSpec(value)
}

/** Reads a `Response`; that it streamed is kept where it has no length. */
export async function planOfResponse(response: Response): Promise<Plan> {
  const headers = headerListOf(response.headers)
  const changes = { status: response.status, statusText: response.statusText || undefined, headers }
  const bytes = response.body === null ? undefined : new Uint8Array(await response.arrayBuffer())
  return emptyPlan('reply', { ...changes, body: bytes })
}

/** Reports what cannot be a reply. */
export function replyProblems(value: unknown, path: string): string[] {
  if (typeof value === 'function' || isFault(value) || value instanceof Response) return []
  if (typeof value !== 'object' || value === null) {
    return [`${path}: must be a reply, a fault or a function, not ${describe(value)}`]
  }
  const issues: string[] = []
  for (const key of Object.keys(value)) {
    if (!specKeys.includes(key))
      issues.push(`${path}.${key}: unknown; a reply has ${specKeys.join(', ')}`)
  }
  const bodies = bodyKeys.filter((key) => (value as Record<string, unknown>)[key] !== undefined)
  if (bodies.length > 1) issues.push(`${path}: has ${bodies.join(' and ')}; one body is enough`)
  const { status } = value as ReplySpec
  if (status !== undefined && !(Number.isInteger(status) && status >= 200 && status <= 999)) {
    issues.push(`${path}.status: must be a whole number, from 200 to 999, not ${describe(status)}`)
  }
  return issues
}
