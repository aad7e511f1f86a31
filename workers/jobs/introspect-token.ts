import { member } from '../../gateway/oauth/json.ts'
import { isName } from '../../gateway/oauth/name.ts'
import type { IssuerRules } from '../../gateway/oauth/token-facts.ts'
import { introspectToken } from '../../gateway/queues/introspect-token.ts'
import type { EndToken, TokenAnswers } from '../../gateway/tokens/token-answers.ts'
import { handles } from '../handles.ts'

export interface IntrospectTokenDependencies {
  readonly answers: TokenAnswers
  /** Finds an issuer of the current policy by name. */
  readonly issuer: (name: string) => IssuerRules | undefined
  /**
   * Revokes on every node a token that its issuer reports as no longer active.
   *
   * @param issuer   issuer identifier
   * @param tokenId  `jti` of an opaque token, which can also be in use under another text
   */
  readonly revoke: (token: string, issuer: string, tokenId: string | undefined) => Promise<void>
}

/**
 * Share of the validity of an introspection response, from 0 to 1. A response that is younger than this share is not
 * renewed, because another run of the job has just renewed it.
 */
const YOUNG = 0.4

/**
 * Introspects a token in use again before its stored response expires, so that no request waits for the issuer.
 *
 * Idempotent: the new response replaces the stored response. A second run finds a young response and does not call the
 * issuer. A response that has already expired is not renewed: the next request with the token causes an introspection.
 * A token for which the issuer replies `active: false` is revoked on every node before the new response is published.
 *
 * @throws {GatewayFault} `introspection-unavailable`, `store-unavailable`; BullMQ retries both
 */
export const introspectTokenHandler = ({ answers, issuer, revoke }: IntrospectTokenDependencies) =>
  handles(introspectToken, async ({ issuer: name, token: id, form }) => {
    const rules = issuer(name)
    const freshMs = form === 'jwt' ? rules?.recheckMs : rules?.introspection?.cacheMs
    // Do nothing if the policy has changed since the job was enqueued, so that tokens of this form are no longer
    // introspected at the issuer.
    if (rules?.introspection === undefined || freshMs === undefined) return 'gone'
    const ended: EndToken = (token, claims) => {
      const tokenId = form === 'opaque' ? member(claims, 'jti') : undefined
      return revoke(token, rules.issuer, isName(tokenId) ? tokenId : undefined)
    }
    return answers.refresh(id, rules, { oldestMs: freshMs * YOUNG, freshMs, ended })
  })
