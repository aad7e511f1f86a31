import { isUtf8 } from 'node:buffer'
import { errorText, type IntrospectionAnswer, type NoAnswer, readIntrospection } from '../oauth/introspection.ts'
import { type JsonObject, member, readJsonObject } from '../oauth/json.ts'
import { readJws } from '../oauth/jws.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { FormReply } from './form-call.ts'
import { isSignedBy } from './issuer-signature.ts'
import type { KeySource } from './key-source.ts'

export const jwtMediaType = 'application/token-introspection+jwt'

/** A signed answer that is older than this was made for another question. */
const SIGNED_MAX_AGE_S = 60

/** Reads the reply of an introspection endpoint. Whatever is not plainly an answer is none. */
export function readReply(
  reply: FormReply,
  rules: IssuerRules,
  keys: KeySource,
): IntrospectionAnswer | NoAnswer | Promise<IntrospectionAnswer | NoAnswer> {
  const { status, mediaType, body } = reply
  if (status !== 200) return { why: `status ${status}${saying(reply)}` }
  if (rules.introspection!.response === 'jwt') {
    if (mediaType !== jwtMediaType) return { why: 'not signed' }
    return readSigned(body.toString('latin1').trim(), rules, keys)
  }
  if (mediaType !== 'application/json') return { why: 'not application/json' }
  const object = objectIn(body)
  return object === undefined ? { why: 'no JSON object' } : readIntrospection(object)
}

/** The error code that comes with a refusal, where there is one (RFC 6749 §5.2). */
function saying({ mediaType, body }: FormReply): string {
  const object = mediaType === 'application/json' ? objectIn(body) : undefined
  return object === undefined || !Object.hasOwn(object, 'error') ? '' : `, ${errorText(object)}`
}

/** A member that occurs twice has two values: that is no answer. */
function objectIn(body: Buffer): JsonObject | undefined {
  const object = isUtf8(body) ? readJsonObject(body.toString()) : 'token-malformed'
  return typeof object === 'string' ? undefined : object
}

/** RFC 9701 §5: typ, issuer, audience, age, signature by a key of the issuer's own set. */
async function readSigned(text: string, rules: IssuerRules, keys: KeySource): Promise<IntrospectionAnswer | NoAnswer> {
  const jws = readJws(text)
  if (typeof jws === 'string') return { why: 'a JWT that cannot be read' }
  const { header, claims } = jws
  const [typ, algorithm, keyId] = ['typ', 'alg', 'kid'].map((name) => member(header, name))
  if (typeof typ !== 'string' || typ.toLowerCase().replace(/^application\//, '') !== 'token-introspection+jwt') {
    return { why: 'a JWT of another type' }
  }
  if (typeof algorithm !== 'string' || !rules.algorithms.has(algorithm)) return { why: 'a JWT by another algorithm' }
  if (keyId !== undefined && typeof keyId !== 'string') return { why: 'a JWT that cannot be read' }
  if (member(claims, 'iss') !== rules.issuer) return { why: 'a JWT of another issuer' }
  const audience = member(claims, 'aud')
  const { clientId } = rules.introspection!
  if (!(audience === clientId || (Array.isArray(audience) && audience.includes(clientId)))) {
    return { why: 'a JWT for somebody else' }
  }
  const issuedAtS = member(claims, 'iat')
  const ageS = typeof issuedAtS === 'number' ? Date.now() / 1000 - issuedAtS : Number.NaN
  if (!(ageS <= SIGNED_MAX_AGE_S + rules.clockToleranceS && ageS >= -rules.clockToleranceS)) {
    return { why: 'a JWT of another time' }
  }
  if (!(await isSignedBy(rules, text, { algorithm, keyId }, keys)))
    return { why: 'a JWT whose signature does not verify' }
  const said = member(claims, 'token_introspection')
  if (typeof said !== 'object' || said === null || Array.isArray(said)) return { why: 'a JWT without an answer' }
  return readIntrospection(said as JsonObject)
}
