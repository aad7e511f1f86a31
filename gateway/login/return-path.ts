import { normalizePath } from '../policy/path-form.ts'
import { reservedPrefixOf } from '../policy/reserved-paths.ts'

/** Longest path with its query: it travels in `state`. */
const MAX_LENGTH = 512
const visible = /^[\x21-\x7e]+$/

/**
 * The path and query to which a browser goes after a login. Always a path of this gate that no browser reads as another
 * site (RFC 9700 §4.11); any other value becomes `/`.
 *
 * @param publicUrl  optional prefix of `wanted`, which is removed
 */
export function returnPath(wanted: string | null | undefined, publicUrl: string): string {
  if (wanted == null || !visible.test(wanted)) return '/'
  const local = wanted.startsWith(`${publicUrl}/`) ? wanted.slice(publicUrl.length) : wanted
  if (local.length > MAX_LENGTH) return '/'
  const question = local.indexOf('?')
  const path = question === -1 ? local : local.slice(0, question)
  // A browser sends no fragment.
  if (local.includes('#')) return '/'
  // Browsers may read a path that is not in normal form differently, for example a backslash as a slash.
  if (normalizePath(path) !== path || path.startsWith('/%2F')) return '/'
  // A reserved path would end the login in a logout or in another login.
  if (reservedPrefixOf(path) !== undefined) return '/'
  return local
}
