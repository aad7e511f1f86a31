/** Login sessions to end: one session, or all of a device or a subject. */
export interface SelectedSessions {
  readonly session?: string
  readonly device?: string
  readonly subject?: string
  readonly issuer?: string
}

/**
 * Returns the sessions that the filters of the session list select together; `undefined` unless they name exactly one
 * session, device or subject.
 */
export function chosenSessions(query: URLSearchParams): SelectedSessions | undefined {
  const [one, another] = selectors.filter((name) => query.has(name))
  if (one === undefined || another !== undefined) return undefined
  const issuer = one === 'subject' ? query.get('issuer') : null
  return { [one]: query.get(one) ?? '', ...(issuer !== null && { issuer }) }
}

const selectors = ['session', 'device', 'subject'] as const

/**
 * Returns the query parameters of the session list. Only the list of all sessions has pages, so a selected session,
 * device or subject removes the parameter of the page.
 */
export function sessionListQuery(query: URLSearchParams): Readonly<Record<string, string>> {
  const names = selectors.some((name) => query.has(name)) ? [...selectors, 'issuer'] : ['issuer', 'after']
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = query.get(name)
      return value === null ? [] : [[name, value] as const]
    }),
  )
}
