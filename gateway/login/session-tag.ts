import { attemptHash } from './attempt.ts'

/**
 * Stands for a session in the URL of a login, where the id itself has no place. 48 bits: only sessions that one browser had
 * are compared.
 *
 * @param id  `undefined`: no session
 */
export function sessionTag(id: string | undefined): string {
  return id === undefined ? 'none' : attemptHash(`session ${id}`).slice(0, 8)
}
