import { type IntrospectionAnswer, type NoAnswer, readIntrospection } from '../oauth/introspection.ts'
import { type JsonObject, member } from '../oauth/json.ts'
import { readJws } from '../oauth/jws.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { errorCode, type FormReply, jsonObject } from './form-call.ts'
import { isSignedBy } from './issuer-signature.ts'
import type { KeySource } from './key-source.ts'

export const jwtMediaType = 'application/token-introspection+jwt'

/**
 * Maximum age of a signed introspection response, s, in addition to the clock tolerance. An older response could be the
 * repeated response to an earlier introspection request.
 */
const SIGNED_MAX_AGE_S = 60

/**
 * Result for an introspection request to which the issuer replied 400. The token is rejected, but the gate does not
 * remember it as a token that has ended.
 */
const rejected: IntrospectionAnswer = Object.freeze({ active: false, ended: false, claims: {} })

/**
 * Whether the reply to a request about a token is 400 `unsupported_token_type`: the issuer does not support this kind
 * of token (RFC 7009 §2.2.1).
 */
export function isUnsupportedToken(reply: FormReply): boolean {
  return reply.status === 400 && errorCode(reply) === 'unsupported_token_type'
}

/** Whether the issuer refused the client credentials of the gate (RFC 6749 §5.2). */
export function isClientRefused(reply: Pick<FormReply, 'status' | 'mediaType' | 'body'>): boolean {
  return reply.status === 401 || (reply.status === 400 && errorCode(reply) === 'invalid_client')
}

/**
 * Parses the reply of an introspection endpoint. A reply that is not an RFC 7662 §2.2 response counts as an outage of
 * the introspection. Exceptions are two error codes that some issuers send with status 400 for a token of another
 * issuer. `unsupported_token_type` always means an inactive token. `invalid_request` means an inactive token only if
 * `works` is true.
 *
 * @param works  true when this issuer has recently sent a valid response to a request with the same credentials. When
 *   false, `invalid_request` can concern the gate's own request, and says nothing about the token
 */
export function readReply(
  reply: FormReply,
  rules: IssuerRules,
  keys: KeySource,
  works: boolean,
): IntrospectionAnswer | NoAnswer | Promise<IntrospectionAnswer | NoAnswer> {
  const { status, mediaType, body } = reply
  if (isUnsupportedToken(reply)) return rejected
  if (works && status === 400 && errorCode(reply) === 'invalid_request') return rejected
  if (status !== 200) return { why: `status ${status}${saying(reply)}` }
  if (rules.introspection!.response === 'jwt') {
    if (mediaType !== jwtMediaType) return { why: 'not signed' }
    return readSigned(body.toString('latin1').trim(), rules, keys)
  }
  if (mediaType !== 'application/json') return { why: 'not application/json' }
  const object = jsonObject(reply)
  return object === undefined ? { why: 'the reply is not a JSON object' } : readIntrospection(object)
}

/**
 * Returns the end of the error message for an introspection reply: a comma and the error code of the reply, or `''` for
 * a reply without an error code.
 */
function saying(reply: FormReply): string {
  const code = errorCode(reply)
  return code === undefined ? '' : `, ${code}`
}

/**
 * Validates a signed introspection response (RFC 9701 §5): typ, issuer, audience, age, and signature by a key of the
 * issuer's own key set.
 */
async function readSigned(text: string, rules: IssuerRules, keys: KeySource): Promise<IntrospectionAnswer | NoAnswer> {
  const jws = readJws(text)
  if (typeof jws === 'string') return { why: 'the reply is a malformed JWT' }
  const { header, claims } = jws
  const [typ, algorithm, keyId] = ['typ', 'alg', 'kid'].map((name) => member(header, name))
  if (typeof typ !== 'string' || typ.toLowerCase().replace(/^application\//, '') !== 'token-introspection+jwt') {
    return { why: 'the reply is a JWT whose typ is not token-introspection+jwt' }
  }
  if (typeof algorithm !== 'string' || !rules.algorithms.has(algorithm))
    return { why: 'the reply is a JWT signed with an algorithm that the issuer entry does not allow' }
  if (keyId !== undefined && typeof keyId !== 'string') return { why: 'the reply is a malformed JWT' }
  if (member(claims, 'iss') !== rules.issuer) return { why: 'the reply is a JWT with the iss of another issuer' }
  const audience = member(claims, 'aud')
  const { clientId } = rules.introspection!
  if (!(audience === clientId || (Array.isArray(audience) && audience.includes(clientId)))) {
    return { why: 'the reply is a JWT whose aud is not client_id' }
  }
  const issuedAtS = member(claims, 'iat')
  const ageS = typeof issuedAtS === 'number' ? Date.now() / 1000 - issuedAtS : Number.NaN
  if (!(ageS <= SIGNED_MAX_AGE_S + rules.clockToleranceS && ageS >= -rules.clockToleranceS)) {
    return { why: 'the reply is a JWT whose iat is too old or in the future' }
  }
  if (!(await isSignedBy(rules, text, { algorithm, keyId }, keys, 'issuer')))
    return { why: 'the reply is a JWT with an invalid signature' }
  const said = member(claims, 'token_introspection')
  if (typeof said !== 'object' || said === null || Array.isArray(said))
    return { why: 'the reply is a JWT without token_introspection' }
  return readIntrospection(said as JsonObject)
}
