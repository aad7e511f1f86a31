/** Commands for the demo service in the query of a request: they change its reply. */
export interface Commands {
  readonly delayMs: number
  readonly status: number
  /** Size of a generated reply body. `undefined`: the reply describes the received request. */
  readonly bytes: number | undefined
  /**
   * Number of body bytes after which the service closes the connection. `undefined`: the service sends the whole body.
   */
  readonly abortAfter: number | undefined
}

/** Maximum of the command `delay`, ms. Longer than every timeout in the demo policy. */
const maxDelayMs = 60_000

/** Reads the commands in a query. @returns the commands, or an error message for the client */
export function commandsOf(query: URLSearchParams): Commands | string {
  const delayMs = wholeNumber(query, 'delay', 0, maxDelayMs)
  const status = wholeNumber(query, 'status', 200, 599)
  const bytes = wholeNumber(query, 'bytes', 0, Number.MAX_SAFE_INTEGER)
  const abortAfter = wholeNumber(query, 'abort_after', 0, Number.MAX_SAFE_INTEGER)
  for (const value of [delayMs, status, bytes, abortAfter]) {
    if (typeof value === 'string') return value
  }
  return {
    delayMs: Number(delayMs ?? 0),
    status: Number(status ?? 200),
    bytes: bytes as number | undefined,
    abortAfter: abortAfter as number | undefined,
  }
}

function wholeNumber(query: URLSearchParams, name: string, min: number, max: number): number | string | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  return value >= min && value <= max ? value : `${name} must be a whole number from ${min} to ${max}`
}
