import { RequestHead } from '../pipeline/exchange/request-head.ts'
import type { HttpRequest } from './uws.ts'

/**
 * Copies the request head out of uWebSockets.js, which reclaims the memory when the handler returns. Validates nothing.
 */
export function readHead(req: HttpRequest): RequestHead {
  const names: string[] = []
  const values: string[] = []
  req.forEach((name, value) => {
    names.push(name)
    values.push(value)
  })
  // Do not use `getMethod`: it lower-cases the method in place. Do not use `getQuery(key)`: it decodes the query and
  // returns only the first value.
  return new RequestHead(
    req.getCaseSensitiveMethod(),
    req.getUrl(),
    req.getQuery() as string | undefined,
    names,
    values,
  )
}

/**
 * Whether the head announces a body, even with invalid framing. The bytes of the body are lost unless a reader is
 * attached in the same tick.
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
