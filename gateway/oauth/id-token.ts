import { member } from './json.ts'
import type { Jws } from './jws.ts'
import type { IssuerRules, LoginRules } from './token-facts.ts'
import { isIdTokenType, isOtherThanIdToken } from './token-type.ts'

/**
 * Makes the checks of an ID token that openid-client does not make: the token type (RFC 8725 §3.11), `iat`, and `azp`
 * also when `aud` has a single value (OpenID Connect Core §3.1.3.7). The issuer's clock tolerance applies to `iat`.
 *
 * @param rules  rules of the issuer, which must have `login`
 * @param nowS  current time, s since the epoch
 * @returns the reason of the rejection; `undefined` when these checks pass
 */
export function flawInIdToken(
  { header, claims }: Jws,
  { login, clockToleranceS }: Pick<IssuerRules, 'login' | 'clockToleranceS'>,
  nowS: number,
): string | undefined {
  if (!isIdTokenType(header)) return 'the typ of the ID token is that of another kind of token'
  if (isOtherThanIdToken(claims)) return 'the claims of the ID token are those of another kind of token'
  const issuedAtS = member(claims, 'iat')
  if (typeof issuedAtS !== 'number' || !(issuedAtS <= nowS + clockToleranceS)) {
    return 'the iat of the ID token is missing or in the future; compare the clocks of the issuer and the gate'
  }
  if (!Number.isFinite(member(claims, 'exp'))) return 'the exp of the ID token is missing or not a number'
  const authorizedParty = member(claims, 'azp')
  if (authorizedParty !== undefined && authorizedParty !== (login as LoginRules).clientId) {
    return 'the azp of the ID token is not the client_id of the gate'
  }
  return undefined
}
