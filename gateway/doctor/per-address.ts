import { isIP } from 'node:net'
import { refusalOf } from '../base/guarded-lookup.ts'
import type { LoadedSettings } from '../config/settings.ts'
import { ADDRESSES_MAX } from '../upstream/names/known-name.ts'
import { nameResolver } from '../upstream/names/name-resolver.ts'
import { upstreamHost } from '../upstream/upstream-address.ts'
import { failedCheck, type Outcome, ok } from './finding.ts'

/** Maximum number of failing addresses in the detail of a finding. */
const SHOWN_MAX = 3

/**
 * Runs a check for each address of an upstream that nodes call. A failure of one address is a failure of the upstream.
 *
 * @param check  checks one address; `undefined`: the check looks the name up, or the URL has an address
 * @throws {Error} as a rejection when the name does not resolve, or as `check` does for an upstream with one address
 */
export async function perAddress(
  origin: URL,
  { settings }: LoadedSettings,
  remedy: string,
  check: (peer: string | undefined) => Promise<Outcome>,
): Promise<Outcome> {
  const name = upstreamHost(origin)
  if (isIP(name) !== 0) return check(undefined)
  const { addresses } = await nameResolver(settings.upstreamDns.servers).resolve(name)
  const refused = refusalOf(name, addresses)
  if (refused !== undefined) throw refused
  // For a name with IPv4 and IPv6 addresses, check one connection by name: it uses the address family that works, as
  // nodes do.
  if (new Set(addresses.map(isIP)).size > 1) return check(undefined)
  const peers = addresses.slice(0, ADDRESSES_MAX)
  if (peers.length === 1) return check(peers[0])
  const outcomes = await Promise.all(
    peers.map((peer) => check(peer).catch((error: Error) => failedCheck(error.message, remedy))),
  )
  const failed = peers.flatMap((peer, i) => (outcomes[i]!.result === 'ok' ? [] : [`${peer}: ${outcomes[i]!.detail}`]))
  if (failed.length === 0) return ok(`each of ${peers.length} addresses ${outcomes[0]!.detail}`)
  const more = failed.length > SHOWN_MAX ? ', …' : ''
  const detail = `${failed.length} of ${peers.length} addresses: ${failed.slice(0, SHOWN_MAX).join(', ')}${more}`
  return failedCheck(detail, outcomes.find(({ result }) => result !== 'ok')!.remedy ?? remedy)
}
