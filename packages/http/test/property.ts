import fc from 'fast-check'
import { it } from 'vitest'

/** A law that holds for all values. */
export function test<T extends [unknown, ...unknown[]]>(
  name: string,
  arbitraries: { [K in keyof T]: fc.Arbitrary<T[K]> },
  law: (...values: T) => void
): void {
  it(name, () => {
    void fc.assert(fc.property(...arbitraries, law as never) as never, {
      numRuns: process.env['APLOMB_STRESS'] === '1' ? 10_000 : 500
    })
  })
}

export { fc }
