import { readFileSync } from 'node:fs'
import type { VerificationReason } from '../base/reasons.ts'
import { unreadableText } from '../config/unreadable-text.ts'
import type { Explainer } from '../explain/explainer.ts'
import type { KeySource } from '../issuers/key-source.ts'
import { PublishedKeySet } from '../issuers/published-key-set.ts'
import {
  type IssuerRules,
  neverIntrospected,
  noRevocationLookup,
  noTexts,
  type TokenFacts,
} from '../oauth/token-facts.ts'
import type { Gate } from '../pipeline/gate.ts'
import { validateToken } from '../tokens/validate-token.ts'
import { TokenVerifier } from '../tokens/verifier.ts'
import { CliError, exitCodes } from './output.ts'

/** Verification of tokens without calls to an issuer. */
export interface OfflineVerifier extends Pick<Explainer, 'checksSignatures' | 'ignoredKeys'> {
  readonly verifier: Gate['verifier']
}

/**
 * Validates everything about a token except its signature. Only for explanations, policy tests and replays: anyone can
 * forge the claims of such a token.
 */
export function uncheckedVerifier(tokenMaxBytes: number): OfflineVerifier {
  const verify = (
    token: string,
    issuers: ReadonlyMap<string, IssuerRules>,
    nowMs: number,
  ): TokenFacts | VerificationReason => {
    const validated = validateToken(token, issuers, nowMs, tokenMaxBytes)
    if (typeof validated === 'string') return validated
    return {
      ...validated.claimed,
      key: { live: true },
      introspection: neverIntrospected,
      derived: [],
      revocation: noRevocationLookup(),
      texts: noTexts(),
    }
  }
  return {
    verifier: { verify, knows: () => false, holdsValid: () => false, isIntrospected: () => false },
    checksSignatures: false,
    ignoredKeys: () => [],
  }
}

/**
 * Returns a token verifier that works like a node which has just fetched this key set from the issuer of the token.
 *
 * @param path  path of a key set document (RFC 7517 §5)
 * @throws {CliError} when the document is not a key set; the message never quotes the document
 */
export async function keySetVerifier(
  path: string,
  issuers: Iterable<IssuerRules>,
  tokenMaxBytes: number,
): Promise<OfflineVerifier> {
  const document = readJson(path)
  const sets = new Map<IssuerRules, PublishedKeySet>()
  try {
    for (const rules of issuers) sets.set(rules, await PublishedKeySet.read(document, rules.algorithms))
  } catch (error) {
    throw wrongUsage(`invalid key set: ${(error as Error).message}`)
  }
  const setOf = (rules: IssuerRules): PublishedKeySet => sets.get(rules) ?? PublishedKeySet.empty
  const keys: KeySource = {
    keySetOf: (rules) => ({
      candidates: (keyId, algorithm) => setOf(rules).candidates(keyId, algorithm),
      refetch: async () => 'succeeded',
      refetchFor: async () => 'succeeded',
    }),
  }
  return {
    verifier: new TokenVerifier({ keys, cacheEntries: 1, tokenMaxBytes }),
    checksSignatures: true,
    ignoredKeys: (rules) => setOf(rules).ignored,
  }
}

function readJson(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw wrongUsage(`the key set ${unreadableText(path, error)}`)
  }
  try {
    return JSON.parse(text)
  } catch {
    throw wrongUsage('the key set is not JSON')
  }
}

function wrongUsage(message: string): CliError {
  return new CliError(
    exitCodes.usage,
    'GH_USAGE',
    message,
    '--jwks must be the document that the issuer publishes at its jwks_uri',
  )
}
