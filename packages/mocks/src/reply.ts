import { describe } from '@aplomb/kernel'
import { isFault, type Fault } from './fault.ts'
import { headerListOf } from './header-list.ts'
import type { MockRequest } from './mock-request.ts'
import { emptyPlan, type Plan } from './plan.ts'
import { planOfSpec, specProblems, type ReplySpec } from './reply-spec.ts'

/** Works a reply out from the request, each time anew. */
export type ReplyFunction = (request: MockRequest) => ReplyValue | PromiseLike<ReplyValue>

/** What a reply function may give: a WHATWG `Response` too. */
export type ReplyValue = ReplySpec | Fault | Response

/** Everything a route can answer with. */
export type Reply = ReplyValue | ReplyFunction

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
  return specProblems(value, path)
}

/** The plan for one request; a `Response` serves any number of them. */
export function planFor(reply: Reply, request: MockRequest): Plan | Promise<Plan> {
  if (typeof reply === 'function') return planFrom(reply, request)
  return planOf(reply instanceof Response ? reply.clone() : reply)
}

/** What a function gives, or its error however it fails. */
export async function planFrom(reply: ReplyFunction, request: MockRequest): Promise<Plan> {
  return await planOf(await reply(request))
}
