import { formatAddress } from '../../base/addresses.ts'

let last: Uint8Array = new Uint8Array(0)
let lastText = ''

/**
 * Formats an address as text, like `formatAddress`, with a cache of one entry. Consecutive exchanges often come from
 * the same peer, such as a load balancer.
 */
export function addressText(address: Uint8Array): string {
  if (!equal(address, last)) {
    last = address
    lastText = formatAddress(address)
  }
  return lastText
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = a.length - 1; i >= 0; i--) if (a[i] !== b[i]) return false
  return true
}
