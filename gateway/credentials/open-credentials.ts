import { randomBytes } from 'node:crypto'
import { type Commit, commitAll } from '../base/commit.ts'
import { Sealer } from '../base/sealer.ts'
import type { NeededSecret } from '../config/needed-secret.ts'
import type { Secrets } from '../config/secrets.ts'
import type { Settings } from '../config/settings.ts'
import { ExchangeClients } from '../issuers/exchange-clients.ts'
import type { ExchangeTerms } from '../oauth/exchange-terms.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { AssertionSigner } from './assertion.ts'
import { ExchangedTokens } from './exchanged-tokens.ts'
import { Renewals } from './renewals.ts'
import { ServiceSecrets } from './service-secrets.ts'

export interface CredentialsDependencies {
  /** Settings for identity assertions. The first assertion key signs them, and the first public URL is their `iss`. */
  readonly settings: Pick<Settings, 'publicUrls'> & {
    readonly keys: Pick<Settings['keys'], 'assertion' | 'encryption'>
  }
  readonly secrets: Secrets
  /** Connection to Redis; `undefined` for a node without Redis, which renews refused credentials by itself. */
  readonly link: RedisLink | undefined
}

/** The parts of a compiled credential that this room prepares. */
interface PreparedCredential {
  readonly secret?: NeededSecret
  readonly exchange?: ExchangeTerms
}

/** The credentials that services receive: the gate's identity assertions, and secrets of the gate at services. */
export interface CredentialsRoom {
  /** Issues identity assertions; `undefined` when no assertion key is configured. */
  readonly signer: AssertionSigner | undefined
  readonly serviceSecrets: ServiceSecrets
  readonly exchanges: ExchangedTokens
  /**
   * Prepares the room for the credentials of a policy.
   *
   * @throws {ConfigError} when a secret cannot be read or is unusable
   */
  prepare(credentials: readonly PreparedCredential[]): Commit
  /** Cancels the token exchanges in progress. */
  close(): Promise<void>
}

/** @throws {Error} as a rejected promise, when a key is unusable or two keys have the same id */
export async function openCredentials({ settings, secrets, link }: CredentialsDependencies): Promise<CredentialsRoom> {
  const { assertion, encryption } = settings.keys
  const [issuer] = settings.publicUrls
  const signer = assertion.length === 0 ? undefined : await AssertionSigner.create(assertion, { issuer: issuer! })
  const serviceSecrets = new ServiceSecrets(secrets)
  const [first, ...others] = encryption
  // Without Redis no other node reads the tokens, so a random key is sufficient.
  const sealer = new Sealer([first ?? { id: 'own', secret: randomBytes(32) }, ...others])
  const clients = new ExchangeClients(secrets)
  const renewals = new Renewals({ redis: link, sealer })
  return {
    signer,
    serviceSecrets,
    exchanges: new ExchangedTokens({ clients, sealer, renewals }),
    prepare: (credentials) =>
      commitAll([
        serviceSecrets.prepare(credentials.flatMap(({ secret }) => secret ?? [])),
        clients.prepare(credentials.flatMap(({ exchange }) => exchange ?? [])),
      ]),
    async close() {
      serviceSecrets.close()
      await clients.close()
    },
  }
}
