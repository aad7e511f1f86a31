/** Streams to end: one stream, or all of a subject or a route. */
export interface SelectedStreams {
  readonly id?: string
  readonly subject?: string
  readonly issuer?: string
  readonly route?: string
}

const filters = ['subject', 'issuer', 'route'] as const

/** Returns the query parameters of the stream list. The node is no parameter: the console selects it itself. */
export function streamListQuery(query: URLSearchParams): Readonly<Record<string, string>> {
  return Object.fromEntries(
    filters.flatMap((name) => {
      const value = query.get(name)
      return value === null ? [] : [[name, value] as const]
    }),
  )
}

/**
 * Returns the streams that the filters of the stream list select together on all nodes; `undefined` unless the filters
 * name exactly one subject or route, and no node: an order to end streams has no other selector.
 */
export function chosenStreams(query: URLSearchParams): SelectedStreams | undefined {
  const { subject, issuer, route } = streamListQuery(query)
  if (query.has('node') || (subject === undefined) === (route === undefined)) return undefined
  if (route !== undefined) return issuer === undefined ? { route } : undefined
  return { ...(subject !== undefined && { subject }), ...(issuer !== undefined && { issuer }) }
}
