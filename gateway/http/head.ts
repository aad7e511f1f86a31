import { RequestHead } from '../pipeline/request-head.ts'
import type { HttpRequest } from './uws.ts'

/** Copies the head out of uWebSockets.js, which takes it back when the handler returns. Judges nothing. */
export function readHead(req: HttpRequest): RequestHead {
  const names: string[] = []
  const values: string[] = []
  req.forEach((name, value) => {
    names.push(name)
    values.push(value)
  })
  // Never `getMethod`: it lower-cases the method in place. Never `getQuery(key)`: it decodes and takes the first.
  return new RequestHead(
    req.getCaseSensitiveMethod(),
    req.getUrl(),
    req.getQuery() as string | undefined,
    names,
    values,
  )
}

/** Whether the head announces a body, however badly: its bytes are lost unless they are asked for in this very tick. */
export function framesBody(head: RequestHead): boolean {
  const { names, values } = head
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!
    if (name.length === 14 && name === 'content-length' && values[i] !== '0') return true
    if (name.length === 17 && name === 'transfer-encoding') return true
  }
  return false
}
