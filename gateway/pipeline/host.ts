import { parseAddress } from '../base/addresses.ts'

/** uri-host [":" port] (RFC 9110 §7.2, RFC 3986 §3.2.2): what a registered name, IPv4 or IPv6 address may look like. */
const form = /^(?:[a-z0-9._~-]+|\[[0-9a-f:.]+\])(?::[0-9]{0,5})?$/i

/** Whether a `Host` value is one, and nothing more: no user info, list, path. */
export function isHost(value: string): boolean {
  if (!form.test(value)) return false
  return value.charCodeAt(0) !== 0x5b || parseAddress(value.slice(1, value.indexOf(']')))?.length === 16
}

/** The name alone, as routes name it: lower case, without port and final dot (RFC 9110 §4.2.3). */
export function hostName(value: string): string {
  const colon = value.lastIndexOf(':')
  const name = colon > value.lastIndexOf(']') ? value.slice(0, colon) : value
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase()
}
