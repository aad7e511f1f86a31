import { attemptHash } from './attempt.ts'

/**
 * Returns a short hash that identifies a session in the URL of a login, because the session id must not be in a URL. 48
 * bits are enough, because only sessions of one browser are compared.
 *
 * @param id  session id; `undefined`: no session
 */
export function sessionTag(id: string | undefined): string {
  return id === undefined ? 'none' : attemptHash(`session ${id}`).slice(0, 8)
}
