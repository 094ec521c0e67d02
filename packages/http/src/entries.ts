/**
 * Names and values of an object, or of anything that gives pairs: a `Map`, `Headers`,
 * `URLSearchParams` of any realm, a list.
 */
export function entriesOf<V>(
  input: Iterable<readonly [string, V]> | Readonly<Record<string, V>>
): Iterable<readonly [string, V]> {
  // An own iterator or one of a class; never one that someone put on `Object.prototype`.
  const iterable = input as Iterable<readonly [string, V]>
  const iterator = iterable[Symbol.iterator]
  const inherited = (Object.prototype as { [Symbol.iterator]?: unknown })[Symbol.iterator]
  if (typeof iterator === 'function' && iterator !== inherited) return iterable
  return Object.entries(input as Readonly<Record<string, V>>)
}
