import { normalizePath } from '../policy/path-form.ts'
import { reservedPrefixOf } from '../policy/reserved-paths.ts'

/** Longest path with its query: it travels in `state`. */
const MAX_LENGTH = 512
const visible = /^[\x21-\x7e]+$/

/**
 * Where a browser goes after a login: a path of this gate, with its query, and nothing that any browser could read as
 * another site (RFC 9700 §4.11). Whatever else is asked for is `/`.
 *
 * @param publicUrl  what may stand before the path
 */
export function returnPath(wanted: string | null | undefined, publicUrl: string): string {
  if (wanted == null || !visible.test(wanted)) return '/'
  const local = wanted.startsWith(`${publicUrl}/`) ? wanted.slice(publicUrl.length) : wanted
  if (local.length > MAX_LENGTH) return '/'
  const question = local.indexOf('?')
  const path = question === -1 ? local : local.slice(0, question)
  // It never comes here.
  if (local.includes('#')) return '/'
  // What is not in normal form already may be read otherwise elsewhere; a backslash, as a slash.
  if (normalizePath(path) !== path || path.startsWith('/%2F')) return '/'
  // A login that ends in a logout, or in the next login.
  if (reservedPrefixOf(path) !== undefined) return '/'
  return local
}
