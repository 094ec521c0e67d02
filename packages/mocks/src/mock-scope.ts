import type { Condition } from './condition.ts'
import { MocksUnfinishedError } from './errors.ts'
import type { Route } from './route.ts'
import type { Layer, Router } from './router.ts'
import type { UrlInput } from './url-pattern.ts'
import { Verbs } from './verbs.ts'

/** Routes that replace those outside of it until it is disposed of. */
export class MockScope extends Verbs implements Disposable {
  private readonly router: Router
  private readonly layer: Layer
  private readonly strict: boolean
  private open = true

  /** Prefer `api.scope()`. */
  constructor(router: Router, strict: boolean) {
    super()
    this.router = router
    this.layer = router.pushLayer()
    this.strict = strict
  }

  override request(method: string | undefined, url: UrlInput, condition?: Condition): Route {
    return this.router.declare(this.layer, method, url, condition)
  }

  /** @throws MocksUnfinishedError when strict and something of this scope is left undone. */
  [Symbol.dispose](): void {
    if (!this.open) return
    this.open = false
    this.router.dropLayer(this.layer)
    const { unfinished } = this.layer
    if (this.strict && unfinished.length > 0) throw new MocksUnfinishedError(unfinished)
  }
}
