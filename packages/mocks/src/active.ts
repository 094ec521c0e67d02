import { AsyncLocalStorage } from 'node:async_hooks'
import { systemClock, systemRandom } from '@aplomb/kernel'
import { UnmatchedRequestError } from './errors.ts'
import type { Decider, Exchange } from './exchange.ts'
import type { MockRequest } from './mock-request.ts'
import { Call, CallLog } from './call.ts'

/** A set of mocks that is in use. */
export interface ActiveMocks extends Decider {
  /** The one in whose place in the code this one was made. */
  readonly outer: ActiveMocks | undefined
  /** Gets only requests of its own place in the code, never those that come from nowhere. */
  readonly isolated: boolean
  readonly disposed: boolean
  /** Decides alone; undefined where it has no answer. */
  offer(request: MockRequest): Exchange | undefined | Promise<Exchange | undefined>
}

const here = new AsyncLocalStorage<ActiveMocks>()
const live = new Set<ActiveMocks>()

/** These mocks are in use from now on. */
export function joinMocks(mocks: ActiveMocks): void {
  live.add(mocks)
}

/** Requests from the code that goes on from here belong to these mocks. */
export function enterMocks(mocks: ActiveMocks): void {
  here.enterWith(mocks)
}

/** Like `enterMocks`, for one piece of work. */
export function runWithMocks<T>(mocks: ActiveMocks, work: () => T): T {
  return here.run(mocks, work)
}

export function leaveMocks(mocks: ActiveMocks): void {
  live.delete(mocks)
}

/** The innermost mocks of the code that runs now that are still in use. */
export function mocksHere(): ActiveMocks | undefined {
  let mocks = here.getStore()
  while (mocks?.disposed === true) mocks = mocks.outer
  return mocks
}

/** Who decides about a request of the code that runs now; undefined where no mocks are in use. */
export function deciderHere(): Decider | undefined {
  return mocksHere() ?? deciderNowhere()
}

/** Who decides about a request that comes from no test's code: the mocks made last. */
export function deciderNowhere(): Decider | undefined {
  if (live.size === 0) return undefined
  const open = [...live].filter((mocks) => !mocks.isolated)
  if (open.length === 1) return open[0]
  return { handle: (request) => askAll(open, request), foresee: () => undefined }
}

async function askAll(open: readonly ActiveMocks[], request: MockRequest): Promise<Exchange> {
  for (const mocks of open.toReversed()) {
    const exchange = await mocks.offer(request)
    if (exchange !== undefined) return exchange
  }
  const last = open.at(-1)
  if (last !== undefined) return await last.handle(request)
  const error = new UnmatchedRequestError(request.method, request.url, [
    { route: 'no route was asked', differences: ['the request belongs to no test that runs now'] }
  ])
  const tools = { clock: systemClock, random: systemRandom }
  return { call: new Call(request, 0, new CallLog()), tools, error }
}
