/**
 * Whether a Host field names this listener: a loopback name, or one that is listed. A page of another site may make a
 * browser call a loopback address by a name of its own (DNS rebinding).
 *
 * @param listed  in lower case
 */
export function isOwnHost(field: string, listed: ReadonlySet<string>): boolean {
  const name = field.replace(/:\d*$/, '').toLowerCase()
  if (name === 'localhost' || name === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(name)) return true
  return listed.has(name) || listed.has(field.toLowerCase())
}
