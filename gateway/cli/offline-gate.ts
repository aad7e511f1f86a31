import { generateKeyPairSync } from 'node:crypto'
import { denial } from '../base/denial.ts'
import { loadSettings, type Settings } from '../config/settings.ts'
import { AssertionSigner } from '../credentials/assertion.ts'
import type { DecidingDependencies } from '../explain/dry-run.ts'
import { AddressLimit } from '../limits/address-limit.ts'
import { Limiter } from '../limits/limiter.ts'
import { PublicUrls } from '../pipeline/exchange/public-urls.ts'
import { checkLifecycle, lifecycle } from '../pipeline/lifecycle.ts'
import type { Snapshot } from '../policy/snapshot.ts'

/** Settings of a node that uses only defaults. */
export function defaultSettings(): Settings {
  return loadSettings({ path: undefined, env: {}, flags: { policy: { path: '.' } } })
}

/**
 * Builds the deciding parts of a node that has this policy, default settings and empty caches.
 *
 * @param publicUrl  the origin that clients use
 */
export async function offlineParts(
  snapshot: Snapshot,
  verifier: DecidingDependencies['verifier'],
  publicUrl: string,
): Promise<DecidingDependencies> {
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

/** Signer with a temporary key. The assertion is only shown as claims, so its key is never used elsewhere. */
function passingSigner(issuer: string): Promise<AssertionSigner> {
  const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
  return AssertionSigner.create([{ id: 'explain', jwk: jwk as Record<string, unknown> }], { issuer })
}
