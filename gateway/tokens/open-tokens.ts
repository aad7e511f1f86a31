import { randomBytes } from 'node:crypto'
import { type Commit, commitAll } from '../base/commit.ts'
import { Sealer } from '../base/sealer.ts'
import type { KeyRings } from '../config/key-rings.ts'
import type { Secrets } from '../config/secrets.ts'
import type { Settings } from '../config/settings.ts'
import type { IssuerLog } from '../issuers/key-set.ts'
import type { KeySource } from '../issuers/key-source.ts'
import { TokenEndpoints } from '../issuers/token-endpoints.ts'
import type { IdentifyOpaque } from '../oauth/opaque-identity.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { ClientTokens } from './client-tokens.ts'
import { Introspection } from './introspection.ts'
import { OpaqueTokens } from './opaque-tokens.ts'
import { TokenVerifier } from './verifier.ts'

export interface TokensDependencies {
  readonly settings: Pick<Settings, 'tokens' | 'request'>
  readonly keyRings: Pick<KeyRings, 'encryption'>
  /** Keys of the issuers of the policy. */
  readonly keys: KeySource
  /** Connection to Redis; `undefined` for a node without Redis, which introspects each token itself. */
  readonly link: RedisLink | undefined
  /** Returns the distinct lists of issuers at which routes of the policy in force introspect opaque tokens. */
  readonly asked: () => readonly (readonly IssuerRules[])[]
  /** Whether a valid token or session came from the address within the last 10 minutes. */
  readonly isKnown: (address: Uint8Array, nowMs: number) => boolean
  readonly secrets: Secrets
  readonly log: IssuerLog
}

/** Verification of access tokens, by signature and by introspection. */
export interface TokensRoom {
  readonly verifier: TokenVerifier
  readonly identify: IdentifyOpaque
  readonly clientTokens: ClientTokens
  /**
   * Prepares the verification of tokens for the issuers of a policy.
   *
   * @throws {ConfigError} when a secret cannot be read
   */
  prepare(issuers: readonly IssuerRules[]): Commit
  /** Cancels the introspection and token requests to issuers. */
  close(): Promise<void>
}

export function openTokens({
  settings,
  keyRings,
  keys,
  link,
  asked,
  isKnown,
  secrets,
  log,
}: TokensDependencies): TokensRoom {
  const { cacheEntries } = settings.tokens
  const { tokenMaxBytes } = settings.request
  const introspection = new Introspection({ keys, encryption: keyRings.encryption, link, secrets, log })
  const { answers, refresh } = introspection
  const endpoints = new TokenEndpoints()
  // Use a random key for the hashes: the tokens of clients stay on this node.
  const sealer = new Sealer([{ id: 'own', secret: randomBytes(32) }])
  const opaqueTokens = new OpaqueTokens({ answers, asked })
  return {
    verifier: new TokenVerifier({ keys, cacheEntries, tokenMaxBytes, answers, refresh, isKnown }),
    identify: (token, issuer) => opaqueTokens.identify(token, issuer),
    clientTokens: new ClientTokens({ endpoints, sealer }),
    prepare: (issuers) => commitAll([introspection.prepare(issuers), endpoints.prepare(issuers)]),
    async close() {
      await Promise.all([introspection.close(), endpoints.close()])
    },
  }
}
