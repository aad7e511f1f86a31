import { type Denial, denial } from '../../base/denial.ts'
import { trimOptionalWhitespace } from '../../base/optional-whitespace.ts'
import { addressText } from '../client-address/address-text.ts'
import { readForwarded, readForwardedFor } from '../client-address/forwarded.ts'
import type { Proxies } from '../client-address/proxies.ts'
import type { Guarded, Resolved } from '../exchange/exchange.ts'
import { isHost } from '../exchange/host.ts'
import { phase } from '../exchange/phase.ts'
import type { RequestHead } from '../exchange/request-head.ts'

const proxiedAddress = denial('proxied-address')
const forwardedMalformed = denial('forwarded-malformed')

const aboveAscii = /[^\x00-\x7f]/

/**
 * Finds the client address behind listed proxies. Uses the proxies' PROXY header first, then the forwarding chain
 * (`X-Forwarded-For` or `Forwarded`). The chain is read from right to left up to the first address that is not listed.
 * In a forward-auth check the peer must be in `check.peers` instead of `proxies`. Forwarding fields of other peers are
 * ignored.
 *
 * Denies 400 for a PROXY header that is missing or not allowed. Denies 400 for an invalid chain of a listed proxy,
 * because the client cannot be determined.
 */
export const resolveClient = phase<Guarded, Resolved>()({
  name: 'resolve-client',
  waits: false,
  denies: ['proxied-address', 'forwarded-malformed'],
  run(x) {
    const { proxies } = x.gate
    const { proxiedAddress: proxied } = x.downstream
    if (proxies === undefined) return proxied === undefined ? undefined : proxiedAddress
    const peer = x.address
    const listed = proxies.lists(peer)
    // Accept a missing PROXY header of a peer that requests forward-auth checks: it need not be in front of clients.
    const asks = x.checkPath !== undefined && proxied === undefined && proxies.mayCheck(peer)
    if (proxies.proxyProtocol === 'required' && !asks) {
      if (!listed || proxied === undefined) return proxiedAddress
      x.address = proxied
      // Use the scheme of the public URL: a PROXY header does not contain the client's scheme, and the client's own
      // fields are not trusted.
      x.proto = x.gate.publicUrls.scheme
    } else if (proxied !== undefined) return proxiedAddress
    // Close the connection after this request: a client behind a TCP proxy could send a PROXY header before its next
    // request.
    if (listed && proxies.passesTcp(peer)) {
      x.close = true
      x.lastOfConnection = true
    }
    x.forwardedFor = addressText(x.address)
    // Ignore forwarding fields behind a TCP proxy: it adds no HTTP fields, so all header fields come from the client.
    if (proxies.passesTcp(x.address) || proxies.passesTcp(peer)) return undefined
    const believed = x.checkPath === undefined ? proxies.lists(x.address) : proxies.mayCheck(x.address)
    return believed ? readForwardingFields(x, proxies) : undefined
  },
})

function readForwardingFields(x: Guarded, proxies: Proxies): Denial<'forwarded-malformed'> | undefined {
  x.peerTrusted = true
  const { head } = x
  const standard = proxies.clientAddress === 'forwarded'
  const chain = head.joined(proxies.clientAddress)
  const elements = chain === undefined ? [] : standard ? readForwarded(chain) : readForwardedFor(chain)
  if (elements === undefined) return forwardedMalformed
  for (let i = elements.length - 1; i >= 0; i--) {
    const { address } = elements[i]!
    if (address === undefined) return forwardedMalformed
    x.forwardedFor = `${addressText(address)}, ${x.forwardedFor}`
    x.address = address
    // Stop at the address of a TCP proxy: the elements to its left were written by the client of this proxy.
    if (!proxies.lists(address) || proxies.passesTcp(address)) break
  }
  const nearest = elements.at(-1)
  const proto = standard ? nearest?.proto : lastMember(head, 'x-forwarded-proto')?.toLowerCase()
  const host = standard ? nearest?.host : lastMember(head, 'x-forwarded-host')
  // Require ASCII in scheme and host: some programs treat U+00A0 as white space.
  if (aboveAscii.test(`${proto}${host}`)) return forwardedMalformed
  if (proto === 'https' || proto === 'http') x.proto = proto
  if (host !== undefined && isHost(host)) x.forwardedHost = host
  return undefined
}

/**
 * Returns the last member of a list field, written by the nearest proxy. Earlier members may come from the client and
 * are not parsed.
 */
function lastMember(head: RequestHead, name: string): string | undefined {
  const list = head.joined(name)
  return list && trimOptionalWhitespace(list.slice(list.lastIndexOf(',') + 1))
}
