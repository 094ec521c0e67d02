import type { Condition } from './condition.ts'
import type { Route } from './route.ts'
import type { UrlInput } from './url-pattern.ts'

/** One method for each way of declaring a route. */
export abstract class Verbs {
  /** Declares a route for any method, or one of your own; of several that fit, the last one wins. */
  abstract request(method: string | undefined, url: UrlInput, condition?: Condition): Route

  get(url: UrlInput, condition?: Condition): Route {
    return this.request('GET', url, condition)
  }

  post(url: UrlInput, condition?: Condition): Route {
    return this.request('POST', url, condition)
  }

  put(url: UrlInput, condition?: Condition): Route {
    return this.request('PUT', url, condition)
  }

  patch(url: UrlInput, condition?: Condition): Route {
    return this.request('PATCH', url, condition)
  }

  delete(url: UrlInput, condition?: Condition): Route {
    return this.request('DELETE', url, condition)
  }

  head(url: UrlInput, condition?: Condition): Route {
    return this.request('HEAD', url, condition)
  }

  options(url: UrlInput, condition?: Condition): Route {
    return this.request('OPTIONS', url, condition)
  }

  /** Any method. */
  any(url: UrlInput, condition?: Condition): Route {
    return this.request(undefined, url, condition)
  }
}
