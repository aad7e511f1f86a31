import { KNOWN_ADDRESS, STRANGER, USER } from '../../overload/caller-class.ts'
import type { Presented } from '../exchange/exchange.ts'

/**
 * Returns how the node knows a caller without a verification: an index in `callerKinds`. A caller is a user if its session
 * was found, its certificate was verified, or its token or its client id and secret are in the cache. Only looks up; the
 * phase `authenticate` decides.
 */
export function callerKindOf(x: Presented): number {
  if (isKnownUser(x)) return USER
  return x.gate.knownAddresses.has(x.address, x.nowMs) ? KNOWN_ADDRESS : STRANGER
}

function isKnownUser({ session, clientCertificate, client, credential, gate, nowMs }: Presented): boolean {
  if (session !== undefined || clientCertificate !== undefined) return true
  if (client !== undefined) return gate.clientTokens.knows(client)
  return credential !== '' && gate.verifier.holdsValid(credential, nowMs)
}
