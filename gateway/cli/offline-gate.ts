import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { Sealer } from '../base/sealer.ts'
import type { AssertionKeySetting, PrivateJwk } from '../config/assertion-keys.ts'
import { loadSettings, type Settings } from '../config/settings.ts'
import { AssertionSigner } from '../credentials/assertion.ts'
import { TokenEndpoints } from '../issuers/token-endpoints.ts'
import { openLimits } from '../limits/open-limits.ts'
import { type Gate, makeGate } from '../pipeline/gate.ts'
import { checkLifecycle, lifecycle } from '../pipeline/lifecycle.ts'
import { limitRules } from '../policy/limit-rules.ts'
import type { Snapshot } from '../policy/snapshot.ts'
import { ClientTokens } from '../tokens/client-tokens.ts'

/** Origin of a request that is decided without a node (offline), if the given URL is only a path. */
export const DEFAULT_ORIGIN = 'http://127.0.0.1:8080'

/** Settings of a node that uses only defaults. */
export function defaultSettings(): Settings {
  return loadSettings({ path: undefined, env: {}, flags: { policy: { path: '.' } } })
}

/**
 * Makes a gate, as of a node with the given policy, default settings, empty caches and no Redis.
 *
 * @param publicUrl  origin that clients use for the gate
 */
export async function offlineGate(snapshot: Snapshot, verifier: Gate['verifier'], publicUrl: string): Promise<Gate> {
  const defaults = defaultSettings()
  const settings = { ...defaults, publicUrls: [publicUrl] }
  const limits = openLimits({ settings, cluster: undefined, rules: () => limitRules(snapshot) })
  const sealer = new Sealer([{ id: 'explain', secret: randomBytes(32) }])
  const signer = await AssertionSigner.create([temporaryKey()], { issuer: publicUrl })
  return makeGate(settings, {
    limiter: limits.limiter,
    addressLimit: limits.addressLimit,
    verifier,
    clientTokens: new ClientTokens({ endpoints: new TokenEndpoints(), sealer }),
    signer,
    lifecycle,
    checkLifecycle,
    runtime: { snapshot, balancers: [] },
  })
}

/**
 * Generates a key for identity assertions. The key is not stored, because only the claims of the assertions are shown.
 */
function temporaryKey(): AssertionKeySetting {
  const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
  return { id: 'explain', jwk: jwk as PrivateJwk }
}
