import { normalizePath } from '../policy/path-form.ts'
import { reservedPrefixOf } from '../policy/reserved-paths.ts'

/** Maximum length of the return path with its query, in characters, because it is sent in `state`. */
const MAX_LENGTH = 512
const visible = /^[\x21-\x7e]+$/

/**
 * Returns the path and query to which a browser goes after a login. The result is always a path of this gate that no
 * browser reads as a URL of another site (RFC 9700 §4.11). Any other value becomes `/`.
 *
 * @param publicUrl  origin of the gate, which is removed from the start of `wanted`
 */
export function returnPath(wanted: string | null | undefined, publicUrl: string): string {
  if (wanted == null || !visible.test(wanted)) return '/'
  const local = wanted.startsWith(`${publicUrl}/`) ? wanted.slice(publicUrl.length) : wanted
  if (local.length > MAX_LENGTH) return '/'
  const question = local.indexOf('?')
  const path = question === -1 ? local : local.slice(0, question)
  // Replace a path with `#`: a browser never sends a fragment, so it is not the path of a request.
  if (local.includes('#')) return '/'
  // Replace a path that is not in normal form: browsers may read it differently, for example a backslash as a slash.
  if (normalizePath(path) !== path || path.startsWith('/%2F')) return '/'
  // Replace a reserved path of the gate: it would start a logout or another login right after the login.
  if (reservedPrefixOf(path) !== undefined) return '/'
  return local
}
