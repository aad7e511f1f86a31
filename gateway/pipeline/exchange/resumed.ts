import type { Exchange } from './exchange.ts'

/**
 * Continues an exchange after a wait and reads the clock again, because a wait can be longer than the clock tolerance
 * or a token's lifetime.
 */
export function resumed<T, R>(x: Exchange, wait: Promise<T>, next: (value: T) => R | Promise<R>): Promise<R> {
  return wait.then((value) => {
    x.readClock()
    return next(value)
  })
}
