import { generateKeyPairSync } from 'node:crypto'
import { denial } from '../base/denial.ts'
import { loadSettings, type Settings } from '../config/settings.ts'
import { AssertionSigner } from '../credentials/assertion.ts'
import type { DecidingParts } from '../explain/rehearsal.ts'
import { AddressLimit } from '../limits/address-limit.ts'
import { Limiter } from '../limits/limiter.ts'
import { checkLifecycle, lifecycle } from '../pipeline/lifecycle.ts'
import { PublicUrls } from '../pipeline/public-urls.ts'
import type { Snapshot } from '../policy/snapshot.ts'

/** The settings of a node that is set up by nothing but defaults. */
export function defaultSettings(): Settings {
  return loadSettings({ path: undefined, env: {}, flags: { policy: { path: '.' } } })
}

/**
 * What decides in a node that has this policy and nothing but defaults, and that nobody has asked before.
 *
 * @param publicUrl  the origin under which clients reach it
 */
export async function offlineParts(
  snapshot: Snapshot,
  verifier: DecidingParts['verifier'],
  publicUrl: string,
): Promise<DecidingParts> {
  const { request: limits, addressLimit } = defaultSettings()
  return {
    limits,
    publicUrls: new PublicUrls([publicUrl]),
    addressLimit: new AddressLimit(addressLimit),
    addressLimited: denial('address-limited'),
    limiter: new Limiter({ store: undefined }),
    verifier,
    revocations: undefined,
    signer: await passingSigner(publicUrl),
    lifecycle,
    checkLifecycle,
    runtime: { snapshot, balancers: [] },
  }
}

/** A key for this one assertion, which nobody sees: only what it would say is shown. */
function passingSigner(issuer: string): Promise<AssertionSigner> {
  const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
  return AssertionSigner.create([{ id: 'explain', jwk: jwk as Record<string, unknown> }], { issuer })
}
