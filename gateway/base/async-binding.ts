import { AsyncResource } from 'node:async_hooks'

type Bound = (this: unknown, ...values: unknown[]) => unknown

/**
 * Replaces `AsyncResource.prototype.bind`, which node:http2 calls for each request that it sends. The method of Node.js
 * gives the bound function a deprecated property `asyncResource` with two new accessor functions. V8 keeps accessor
 * functions in the hidden class of an object, in old memory, so that every stream of HTTP/2 and its exchange stay until
 * the next full collection (docs/design/decisions/0015).
 */
export function lightenAsyncBinding(): void {
  const bind = function (this: AsyncResource, run: Bound, receiver?: unknown): Bound {
    if (typeof run !== 'function') throw new TypeError('AsyncResource.bind needs a function')
    const enter: AsyncResource['runInAsyncScope'] = this.runInAsyncScope.bind(this)
    return function (...values) {
      return enter(run, receiver ?? this, ...values)
    }
  }
  Object.assign(AsyncResource.prototype, { bind })
}
