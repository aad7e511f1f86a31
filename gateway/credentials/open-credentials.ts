import { randomBytes } from 'node:crypto'
import { type Commit, commitAll } from '../base/commit.ts'
import { Sealer } from '../base/sealer.ts'
import type { AssertionKeySetting } from '../config/assertion-keys.ts'
import type { KeyRings } from '../config/key-rings.ts'
import type { NeededSecret } from '../config/needed-secret.ts'
import type { Secrets } from '../config/secrets.ts'
import type { Settings } from '../config/settings.ts'
import { ExchangeClients } from '../issuers/exchange-clients.ts'
import type { ClientGrant } from '../oauth/client-grant.ts'
import type { ExchangeTerms } from '../oauth/exchange-terms.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { AssertionSigner } from './assertion.ts'
import { type AssertionKey, importAssertionKey } from './assertion-key.ts'
import { ExchangedTokens } from './exchanged-tokens.ts'
import { GrantQueue } from './grant-queue.ts'
import { GrantRequester } from './grant-requester.ts'
import { GrantStore } from './grant-store.ts'
import { Renewals } from './renewals.ts'
import { ServiceGrants, type ServiceGrantsDependencies } from './service-grants.ts'
import { ServiceSecrets } from './service-secrets.ts'

export interface CredentialsDependencies {
  /** Public URLs of the settings. The first becomes the claim `iss` of identity assertions. */
  readonly settings: Pick<Settings, 'publicUrls'>
  readonly keyRings: Pick<KeyRings, 'assertion' | 'encryption'>
  readonly secrets: Secrets
  /** Connection to Redis; `undefined` for a node without Redis, which shares no tokens with other nodes. */
  readonly link: RedisLink | undefined
  readonly log: ServiceGrantsDependencies['log']
}

/** The parts of a compiled credential of a service that must be prepared before the policy takes effect. */
interface PreparedCredential {
  readonly secret?: NeededSecret
  readonly exchange?: ExchangeTerms
  readonly grant?: ClientGrant
}

/**
 * The credentials that services receive from the gate: identity assertions, secrets, tokens of the gate, and exchanged
 * tokens of callers.
 */
export interface CredentialsRoom {
  /** Issues identity assertions; `undefined` when the node started without an assertion key. */
  readonly signer: AssertionSigner | undefined
  readonly serviceSecrets: ServiceSecrets
  readonly exchanges: ExchangedTokens
  readonly grants: ServiceGrants
  /**
   * Prepares the credentials of a new policy. The returned function puts them into effect.
   *
   * @throws {ConfigError} when a secret cannot be read or is unusable
   */
  prepare(credentials: readonly PreparedCredential[]): Commit
  /**
   * Imports assertion keys. Must be called before the keys are added to `keyRings.assertion`.
   *
   * @throws {Error} as a rejected promise, when a key is unusable
   */
  prepareKeys(keys: readonly AssertionKeySetting[]): Promise<void>
  /** Stops renewals and cancels the token requests in progress. */
  close(): Promise<void>
}

/**
 * Opens the credentials that services receive.
 *
 * @throws {Error} as a rejected promise, when an assertion key is unusable or two keys have the same id
 */
export async function openCredentials(dependencies: CredentialsDependencies): Promise<CredentialsRoom> {
  const { settings, keyRings, secrets, link, log } = dependencies
  const { assertion: ring } = keyRings
  const imported = new WeakMap<AssertionKeySetting, AssertionKey>()
  const prepareKeys = async (keys: readonly AssertionKeySetting[]): Promise<void> => {
    for (const key of keys) imported.set(key, await importAssertionKey(key))
  }
  await prepareKeys(ring.keys)
  const [issuer] = settings.publicUrls
  const signer =
    ring.writer === undefined ? undefined : await AssertionSigner.create(ring.writerFirst, { issuer: issuer! })
  ring.changed(() => {
    const [first, ...others] = ring.writerFirst.map((key) => imported.get(key)!)
    if (first !== undefined) signer?.use([first, ...others])
  })
  const serviceSecrets = new ServiceSecrets(secrets)
  // Use a random key: without Redis no other node must decrypt the tokens.
  const sealer = Sealer.following(keyRings.encryption) ?? new Sealer([{ id: 'own', secret: randomBytes(32) }])
  const clients = new ExchangeClients(secrets)
  const renewals = new Renewals({ redis: link, sealer })
  const now = () => Date.now()
  const store = link && new GrantStore(link.client('receipt', 'grants'), link.keys, sealer, now)
  const queue = link && new GrantQueue(link, log)
  const grants = new ServiceGrants({
    secrets,
    requester: new GrantRequester({ store, now }),
    order: queue && ((grant, token) => queue.order(grant, token)),
    now,
    log,
  })
  return {
    signer,
    serviceSecrets,
    exchanges: new ExchangedTokens({ clients, sealer, renewals }),
    grants,
    prepareKeys,
    prepare: (credentials) =>
      commitAll([
        serviceSecrets.prepare(credentials.flatMap(({ secret }) => secret ?? [])),
        grants.prepare(credentials.flatMap(({ grant }) => grant ?? [])),
        clients.prepare(credentials.flatMap(({ exchange }) => exchange ?? [])),
      ]),
    async close() {
      serviceSecrets.close()
      await clients.close()
      await grants.close()
      await queue?.close()
    },
  }
}
