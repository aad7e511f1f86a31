/** Login sessions to end: one session, or all of a device or a subject. */
export interface SelectedSessions {
  readonly session?: string
  readonly device?: string
  readonly subject?: string
  readonly issuer?: string
}

/** Sessions that the filters of the list select as a whole; `undefined` when they do not name exactly one thing. */
export function chosenSessions(query: URLSearchParams): SelectedSessions | undefined {
  const [one, another] = selectors.filter((name) => query.has(name))
  if (one === undefined || another !== undefined) return undefined
  const issuer = one === 'subject' ? query.get('issuer') : null
  return { [one]: query.get(one) ?? '', ...(issuer !== null && { issuer }) }
}

const selectors = ['session', 'device', 'subject'] as const

/** Parameters of the list of sessions. Pages exist only of all sessions, so that a selector removes them. */
export function sessionListQuery(query: URLSearchParams): Readonly<Record<string, string>> {
  const names = selectors.some((name) => query.has(name)) ? [...selectors, 'issuer'] : ['issuer', 'after']
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = query.get(name)
      return value === null ? [] : [[name, value] as const]
    }),
  )
}
