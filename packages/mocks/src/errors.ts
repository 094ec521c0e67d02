import { InvalidError } from '@aplomb/kernel'

/** A route that did not take the request, and what differs. */
export interface NearMiss {
  /** `GET https://api.example.com/users/:id`, or the route's name. */
  readonly route: string
  readonly differences: readonly string[]
}

/**
 * A request that no route takes. It is the test's mistake, so resilient clients must not retry it;
 * it is remembered even where the code under test swallows it. `near` lists the closest routes.
 */
export class UnmatchedRequestError extends InvalidError {
  override readonly name = 'UnmatchedRequestError'
  override readonly code = 'ERR_MOCK_UNMATCHED'
  readonly method: string
  readonly url: string
  readonly near: readonly NearMiss[]

  constructor(method: string, url: string, near: readonly NearMiss[]) {
    const issues = near.map((miss) => `${miss.route}: ${miss.differences.join('; ')}`)
    super(`No route takes ${method} ${url}${listOf(issues, 'no route was declared')}`, issues)
    this.method = method
    this.url = url
    this.near = near
  }
}

/** What a finished test left undone or let happen; `issues` lists all of it. */
export class MocksUnfinishedError extends InvalidError {
  override readonly name = 'MocksUnfinishedError'
  override readonly code = 'ERR_MOCKS_UNFINISHED'

  constructor(issues: readonly string[]) {
    super(`The HTTP mocks do not agree with what happened:${listOf(issues, '')}`, issues)
  }
}

/** A fixture needs a package that is not installed. */
export class MissingPeerError extends InvalidError {
  override readonly name = 'MissingPeerError'
  override readonly code = 'ERR_MOCK_PEER_MISSING'
}

function listOf(issues: readonly string[], empty: string): string {
  if (issues.length > 0) return issues.map((issue) => `\n  - ${issue}`).join('')
  return empty === '' ? '' : ` (${empty})`
}
