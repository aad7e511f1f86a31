import { RequestHead } from '../pipeline/exchange/request-head.ts'
import type { HttpRequest } from './uws.ts'

/**
 * Copies the request head from uWebSockets.js, which reclaims its memory when the handler returns. Validates nothing.
 */
export function readHead(req: HttpRequest): RequestHead {
  const names: string[] = []
  const values: string[] = []
  req.forEach((name, value) => {
    names.push(name)
    values.push(value)
  })
  // Do not use `getMethod`: it changes the method to lower case in place. Do not use `getQuery(key)`: it decodes the
  // query and returns only the first value.
  return new RequestHead(
    req.getCaseSensitiveMethod(),
    req.getUrl(),
    req.getQuery() as string | undefined,
    names,
    values,
  )
}

/**
 * Whether the request head announces a body, even with invalid framing. Attach a body reader in the same tick, because
 * otherwise the first bytes of the body are lost.
 */
export function framesBody(head: RequestHead): boolean {
  const { names, values } = head
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!
    if (name.length === 14 && name === 'content-length' && values[i] !== '0') return true
    if (name.length === 17 && name === 'transfer-encoding') return true
  }
  return false
}
