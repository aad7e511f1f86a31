/** One thing that a text in the search field can mean. */
export interface SearchChoice {
  readonly label: string
  readonly to: string
}

const requestId = /^[A-Za-z0-9._-]{1,128}$/
const traceId = /^[0-9a-f]{32}$/
/** Request ids of a node: six random bytes in base64url, and a counter. */
const ownRequestId = /^[A-Za-z0-9]{8}-[0-9a-z]{1,12}$/

/**
 * Returns what a text in the search field can mean, the most likely first: a request id, a subject, a route, a client.
 */
export function searchChoices(
  text: string,
  views: readonly { readonly title: string; readonly path: string }[],
): SearchChoice[] {
  const given = text.trim()
  if (given === '') return []
  const live = (name: string) => `/live?${new URLSearchParams({ [name]: given })}`
  const exchange = requestId.test(given) ? [{ label: 'Exchange with this request id', to: exchangePath(given) }] : []
  const others = [
    { label: 'Records of this subject', to: live('subject') },
    { label: 'Records of this route', to: live('route') },
    { label: 'Records of this client', to: live('client') },
  ]
  const named = views
    .filter(({ title, path }) => !path.includes(':') && title.toLowerCase().startsWith(given.toLowerCase()))
    .map(({ title, path }) => ({ label: `View ${title}`, to: path }))
  const isSurelyId = ownRequestId.test(given) || traceId.test(given)
  return isSurelyId ? [...exchange, ...others] : [...named, ...exchange, ...others]
}

/** Path of the view of one exchange. */
export function exchangePath(id: string): string {
  return `/exchanges/${encodeURIComponent(id)}`
}
