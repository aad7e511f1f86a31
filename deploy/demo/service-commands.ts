/** Commands for the demo service in the query of a request. */
export interface Commands {
  readonly delayMs: number
  readonly status: number
  /** Number of bytes to send instead of the echo. */
  readonly bytes: number | undefined
  /** Number of bytes of the body after which the connection is closed. */
  readonly abortAfter: number | undefined
}

/** Longer than every timeout of the demo policy. */
const maxDelayMs = 60_000

/** @returns the commands, or an error message */
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
