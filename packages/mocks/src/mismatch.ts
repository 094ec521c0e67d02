import type { NearMiss } from './errors.ts'
import type { MockRequest } from './mock-request.ts'
import type { Route } from './route.ts'

const MOST = 3

/** The routes that came closest to taking a request: those with the fewest differences. */
export function nearMisses(request: MockRequest, routes: readonly Route[]): NearMiss[] {
  return routes
    .map((route) => ({ route: route.name, differences: route.differences(request), at: route }))
    .toSorted((a, b) => rank(request, a) - rank(request, b))
    .slice(0, MOST)
    .map(({ route, differences }) => ({ route, differences }))
}

/** A wrong path weighs more than all else: another resource is seldom the one that was meant. */
function rank(request: MockRequest, miss: { at: Route; differences: readonly string[] }): number {
  return miss.differences.length + (miss.at.pattern.fitsPath(request) ? 0 : 10)
}
