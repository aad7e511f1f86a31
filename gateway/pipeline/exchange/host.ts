import { parseAddress } from '../../base/addresses.ts'

/**
 * Syntax of `Host`: uri-host [":" port] (RFC 9110 §7.2, RFC 3986 §3.2.2). The host is a registered name, an IPv4
 * address or an IPv6 address.
 */
const form = /^(?:[a-z0-9._~-]+|\[[0-9a-f:.]+\])(?::[0-9]{0,5})?$/i

/** Whether a `Host` value is valid: a single host with an optional port, without user info, list or path. */
export function isHost(value: string): boolean {
  if (!form.test(value)) return false
  return value.charCodeAt(0) !== 0x5b || parseAddress(value.slice(1, value.indexOf(']')))?.length === 16
}

/** Returns the host name in the form that routes use: lower case, without port and trailing dot (RFC 9110 §4.2.3). */
export function hostName(value: string): string {
  const colon = value.lastIndexOf(':')
  const name = colon > value.lastIndexOf(']') ? value.slice(0, colon) : value
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase()
}
