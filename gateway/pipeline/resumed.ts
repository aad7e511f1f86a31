import type { Exchange } from './exchange.ts'

/** Continues an exchange after a wait, with the clock read again: a wait may be longer than a tolerance or a lifetime. */
export function resumed<T, R>(x: Exchange, wait: Promise<T>, next: (value: T) => R | Promise<R>): Promise<R> {
  return wait.then((value) => {
    x.readClock()
    return next(value)
  })
}
