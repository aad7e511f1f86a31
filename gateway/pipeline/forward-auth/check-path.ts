/** Paths of forward-auth checks. `/oauth2/auth` is the path that oauth2-proxy uses. */
const paths = ['/.gatehouse/check', '/oauth2/auth']

const dot = 0x2e
const o = 0x6f

/**
 * Returns the forward-auth check path that equals the request target or is a parent path of it. Compares the raw
 * target, so a percent-encoded form of a check path is not a check.
 */
export function checkPathOf(target: string): string | undefined {
  const first = target.charCodeAt(1)
  if (first !== dot && first !== o) return undefined
  return paths.find((path) => target.startsWith(path) && (target.length === path.length || target[path.length] === '/'))
}
