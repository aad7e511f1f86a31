import { unknownAddress } from '../../base/addresses.ts'
import { denial } from '../../base/denial.ts'
import { normalizePath, pathReasons } from '../../policy/path-form.ts'
import { reservedPrefixOf } from '../../policy/reserved-paths.ts'
import { addressText } from '../client-address/address-text.ts'
import type { Resolved } from '../exchange/exchange.ts'
import { foldedName } from '../exchange/field-kind.ts'
import { findRoute } from '../exchange/find-route.ts'
import { hostName } from '../exchange/host.ts'
import { phase } from '../exchange/phase.ts'
import { guardLine, requestLineReasons } from '../exchange/request-line.ts'
import { forgesIdentity } from '../forward-auth/check-removals.ts'
import { foreignIdentities, statedRequest, statedRequestReasons } from '../forward-auth/stated-request.ts'

const unlisted = denial('check-unlisted')
const incomplete = denial('check-incomplete')
const steered = denial('check-steered')
const unknown = denial('route-unknown')

/**
 * Replaces the request line of a forward-auth check with the request line of the checked request, which it validates
 * like any other request line. Later phases treat the checked request like an ordinary request.
 *
 * Denies 403 to a peer that is not in `check.peers`, before any field is read; the log names the setting. Denies 400 to
 * a request that the proxy could interpret differently. Also denies 400 if routes depend on the host and the proxy
 * states none. Denies 404 for paths that only the gate answers.
 */
export const readCheck = phase<Resolved, Resolved>()({
  name: 'read-check',
  waits: false,
  denies: ['check-unlisted', ...statedRequestReasons, ...requestLineReasons, ...pathReasons, 'route-unknown'],
  run(x) {
    if (!x.peerTrusted) {
      x.faultMessage = `check.peers must list ${addressText(x.address)}, and proxies must not list it with mode: tcp`
      return unlisted
    }
    const asked = statedRequest(x.head, x.checkPath!, x.asked)
    if ('reason' in asked) return asked
    const refused = guardLine(asked, x.gate.limits)
    if (refused !== undefined) return refused
    const path = normalizePath(asked.target)
    if (typeof path !== 'string') return path
    if (asked.host === undefined && x.gate.runtime.snapshot.namesHosts) return incomplete
    x.method = asked.method
    x.path = path
    x.query = asked.query
    x.authority = asked.host === undefined ? x.head.host : x.gate.publicUrls.withPort(asked.host)
    x.host = hostName(x.authority)
    // Drop the certificate of the connection: it belongs to the connection between the proxy and the gate, not to the
    // client's request.
    x.servedNames = undefined
    if (!x.forwardedFor.includes(',')) x.address = unknownAddress
    if (reservedPrefixOf(path) !== undefined) return unknown
    return wantsIdentities(x) ? undefined : steered
  },
})

/**
 * Whether the client sent no identity field that only the gate sets for the service (`auth_request_headers`), and the
 * service accepts (`pass_headers`) every identity field of another product that the client sent. The proxy
 * itself sets the field in which it states the certificate of the client.
 */
function wantsIdentities(x: Resolved): boolean {
  const certificateField = x.gate.clientCertificates?.fieldName
  const stated = foreignIdentities(x.head).filter((name) => name !== certificateField)
  const { identityNames } = x.gate.runtime.snapshot
  const mapped = identityNames.size > 0 && x.head.names.some((name) => identityNames.has(foldedName(name)))
  if (stated.length === 0 && !mapped) return true
  const route = findRoute(x, x.method)
  // Accept a request without a route: `match-route` refuses it later, with its own reason.
  if ('reason' in route) return true
  const { passHeaders, identityFields } = route.service
  if (mapped && forgesIdentity(x.head.names, identityFields)) return false
  return stated.every((name) => passHeaders?.has(name) === true)
}
