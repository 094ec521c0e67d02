import { inspect } from 'node:util'

/** Says how `util.inspect`, and so `console.log`, shows the objects of a class: nothing secret. */
export function showAs<T extends object>(prototype: T, show: (self: T) => object): void {
  Object.defineProperty(prototype, inspect.custom, {
    value(this: T) {
      return show(this)
    }
  })
}
