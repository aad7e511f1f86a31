import { randomBytes } from 'node:crypto'

const form = /^[A-Za-z0-9._-]{1,128}$/

const prefix = `${randomBytes(6).toString('base64url').replace(/[_-]/g, '0')}-`
let counter = 0

/** An id of our own: unique, but guessable, so an id and never a secret. 31 ns, where `randomUUID` takes 82. */
export function nextRequestId(): string {
  return prefix + (counter++).toString(36)
}

/** CONTRACT §6: a client's id is continued when it can do no harm in a log line or header. */
export function wellFormedRequestId(id: string): boolean {
  return form.test(id)
}
