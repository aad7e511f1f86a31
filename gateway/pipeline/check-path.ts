/** Where proxies ask whether a request may pass; the second is the name that users of oauth2-proxy know. */
const paths = ['/.gatehouse/check', '/oauth2/auth']

const dot = 0x2e
const o = 0x6f

/**
 * The path of checks that a target is, or lies under. Read before anything is decoded: who writes it otherwise finds no
 * check there.
 */
export function checkPathOf(target: string): string | undefined {
  const first = target.charCodeAt(1)
  if (first !== dot && first !== o) return undefined
  return paths.find((path) => target.startsWith(path) && (target.length === path.length || target[path.length] === '/'))
}
