/**
 * A base class for objects that are handed to the engine: they inherit nothing from
 * `Object.prototype`, so a polluted one (`upgrade`, `headers`, `method` …) changes no request.
 */
function BareBase(): void {}
export const Bare: abstract new () => object = BareBase as never
Object.setPrototypeOf(Bare.prototype, null)

/** The own fields of an options object, without what its prototype may have been given. */
export function bare<T extends object>(options: T): T {
  return Object.assign(Object.create(null), options) as T
}
