import { member } from '../../gateway/oauth/json.ts'
import { isName } from '../../gateway/oauth/name.ts'
import type { IssuerRules } from '../../gateway/oauth/token-facts.ts'
import { introspectToken } from '../../gateway/queues/introspect-token.ts'
import type { EndToken, TokenAnswers } from '../../gateway/tokens/token-answers.ts'
import { handles } from '../handles.ts'

export interface IntrospectTokenParts {
  readonly answers: TokenAnswers
  /** By name, of the policy in force. */
  readonly issuer: (name: string) => IssuerRules | undefined
  /**
   * Revokes a token that its issuer has ended for the whole cluster.
   *
   * @param issuer   identifier
   * @param tokenId  `jti` of an opaque token: the token may be in use under another text too
   */
  readonly revoke: (token: string, issuer: string, tokenId: string | undefined) => Promise<void>
}

/** An answer that is younger than this part of its time needs no other: a retry, or another worker, was here before. */
const YOUNG = 0.4

/**
 * Asks the issuer again about a token in use, so that no request has to wait when what it said has aged.
 *
 * Idempotent: the answer replaces the one before; a second run finds a young answer and asks nobody. What has aged
 * meanwhile is left to whoever uses the token next, if anybody does. A token that the issuer has ended is revoked before
 * anybody is told of the answer.
 *
 * @throws {GatewayFault} `introspection-unavailable`, `store-unavailable`, which are tried again
 */
export const introspectTokenHandler = ({ answers, issuer, revoke }: IntrospectTokenParts) =>
  handles(introspectToken, async ({ issuer: name, token: id, form }) => {
    const rules = issuer(name)
    const freshMs = form === 'jwt' ? rules?.recheckMs : rules?.introspection?.cacheMs
    // The policy has changed since.
    if (rules?.introspection === undefined || freshMs === undefined) return 'gone'
    const ended: EndToken = (token, claims) => {
      const tokenId = form === 'opaque' ? member(claims, 'jti') : undefined
      return revoke(token, rules.issuer, isName(tokenId) ? tokenId : undefined)
    }
    return answers.refresh(id, rules, { oldestMs: freshMs * YOUNG, freshMs, ended })
  })
