/** Path patterns of the gate that stand for a regular expression of oauth2-proxy. */
export interface SkipPattern {
  /**
   * Path patterns of the gate. Together they match only paths that the regular expression matches too, except `base`.
   */
  readonly patterns: readonly string[]
  /** Path that a path pattern matches although the regular expression does not match it: `/docs` for `^/docs/`. */
  readonly base: string | undefined
  /** True when the regular expression also matches paths that no pattern matches. */
  readonly narrower: boolean
}

const literal = /^(?:\/(?:[\w~!&',=:@-]|\\[.\-_])+)*/
const anyRest = /^(?:\.\*|\(\.\*\))?\$?$/

/**
 * Converts a regular expression of `skip_auth_routes` to path patterns: The expression must consist of an optional `^`,
 * literal segments, `[^/]+` for a segment, and an end (`$`, `/`, `/.*`, or nothing).
 *
 * @returns `undefined` for any other expression
 */
export function skipPattern(expression: string): SkipPattern | undefined {
  const anchored = expression.startsWith('^')
  let rest = (anchored ? expression.slice(1) : expression).replaceAll('\\/', '/')
  let path = ''
  for (;;) {
    const [text = ''] = literal.exec(rest) ?? []
    path += text.replaceAll('\\', '')
    rest = rest.slice(text.length)
    const [wildcard] = /^\/\[\^\/\][+](?=\/|\$|$)/.exec(rest) ?? []
    if (wildcard === undefined) break
    path += '/*'
    rest = rest.slice(wildcard.length)
  }
  const narrower = !anchored
  if (rest === '$') return path === '' ? undefined : { patterns: [path], base: undefined, narrower }
  if (rest === '/$') return { patterns: [`${path}/`], base: undefined, narrower }
  if (rest === '/?$') return { patterns: [path, `${path}/`], base: undefined, narrower }
  if (rest === '') return path === '' ? undefined : { patterns: [`${path}/**`], base: undefined, narrower: true }
  if (rest.startsWith('/') && anyRest.test(rest.slice(1))) {
    return { patterns: [`${path}/**`], base: path === '' ? undefined : path, narrower }
  }
  return undefined
}
