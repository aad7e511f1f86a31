/** Maximum length of the path to which a browser goes after a log-in, characters: its cookie must fit into 4096 bytes. */
const PATH_MAX = 2048
const visible = /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/
/**
 * Paths of the log-in and of the admin API. A browser must not return to them after a log-in, because they are no pages
 * of the console.
 */
const ownPaths = /^\/(?:callback|console|api)(?:[/?]|$)/

/**
 * Returns the path and query of the console to which a browser goes after a log-in. No browser reads the result as a URL
 * of another site (RFC 9700 §4.11). Any other value becomes `/`.
 */
export function consolePath(wanted: string | null): string {
  if (wanted === null || wanted.length > PATH_MAX || !visible.test(wanted) || wanted.includes('#')) return '/'
  return ownPaths.test(wanted) ? '/' : wanted
}

/** Adds the reason of a failed log-in, as `login_error`, to a path that {@link consolePath} returned. */
export function withLogInError(path: string, failure: string): string {
  return `${path}${path.includes('?') ? '&' : '?'}login_error=${failure}`
}

/** Page without a script that goes to a path of the console at once. */
export function continuePage(path: string): string {
  const target = path.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
  return (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Gatehouse</title>' +
    `<meta http-equiv="refresh" content="0;url=${target}"><p><a href="${target}">Continue to the console</a></p></html>\n`
  )
}
