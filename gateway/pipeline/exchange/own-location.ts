import type { PathRewrite } from '../../policy/snapshot.ts'

/**
 * Translates a `Location` of a service that names the service's own origin, which clients cannot reach, into a path at
 * the gate. Undoes the rewrite of the route, if the path is below its `addPrefix`.
 *
 * @param value   value of the field, Latin-1
 * @param origin  origin of the upstream that replied, for example `http://10.0.0.7:8080`
 * @returns path, query and fragment (RFC 9110 §10.2.2 allows a relative reference); `undefined` when the field must not
 *   change
 */
export function ownLocation(value: string, origin: string, rewrite: PathRewrite | undefined): string | undefined {
  if (!/^https?:\/\/[\x21-\x7e]+$/i.test(value)) return undefined
  const url = URL.parse(value)
  if (url?.origin !== origin || url.username !== '' || url.password !== '') return undefined
  const path = clientPath(url.pathname, rewrite)
  // Do not produce a path that starts with `//`: a browser reads `//host` as another host, so a service could redirect
  // a user to any site.
  return path.startsWith('//') ? undefined : path + url.search + url.hash
}

function clientPath(path: string, rewrite: PathRewrite | undefined): string {
  if (rewrite === undefined) return path
  const { stripPrefix, addPrefix } = rewrite
  const isBelow = path === addPrefix || path.startsWith(`${addPrefix}/`)
  return isBelow ? stripPrefix + path.slice(addPrefix.length) || '/' : path
}
