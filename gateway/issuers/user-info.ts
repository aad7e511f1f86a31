import { isUtf8 } from 'node:buffer'
import type { TokenHeader } from '../oauth/access-token.ts'
import { type JsonObject, member, readJsonObject } from '../oauth/json.ts'
import { readJws } from '../oauth/jws.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { IssuerHttp, type IssuerReply } from './issuer-http.ts'
import { isSignedBy } from './issuer-signature.ts'
import type { KeySource } from './key-source.ts'

/** Result of a UserInfo request: claims about the user, or the reason why there are no usable claims. */
export type UserInfo = { readonly claims: JsonObject } | { readonly none: string }

const MAX_BYTES = 64 * 1024

/** Asks the UserInfo endpoint of an issuer (OpenID Connect Core §5.3). */
export class UserInfoCall {
  readonly #http: IssuerHttp
  readonly #rules: IssuerRules
  readonly #keys: KeySource

  constructor(rules: IssuerRules, keys: KeySource, connections: number) {
    this.#http = new IssuerHttp({ maxBytes: MAX_BYTES, connections })
    this.#rules = rules
    this.#keys = keys
  }

  /**
   * Asks the UserInfo endpoint for the claims about the user whose access token is sent.
   *
   * @param subject  `sub` of the ID token. Claims about another subject are not used (OpenID Connect Core §5.3.2)
   * @returns `none` when the issuer rejects the access token, or when its response is invalid or about another subject
   * @throws {Error} when the issuer is unavailable
   */
  async ask(url: string, accessToken: string, subject: string, signal: AbortSignal): Promise<UserInfo> {
    const headers = { authorization: `Bearer ${accessToken}`, accept: 'application/json, application/jwt;q=0.9' }
    const reply = await this.#http.send(url, { method: 'GET', headers, signal })
    const { status } = reply
    if (status !== 200) {
      reply.discard()
      if (status >= 500 || status === 429 || status === 408) throw new Error(`status ${status}`)
      return { none: `the UserInfo endpoint returned status ${status}` }
    }
    const claims = await this.#claimsIn(reply)
    if (typeof claims === 'string') return { none: claims }
    return member(claims, 'sub') === subject
      ? { claims }
      : { none: 'sub of the UserInfo response is missing or that of another user' }
  }

  async #claimsIn(reply: IssuerReply): Promise<JsonObject | string> {
    const mediaType = reply.field('content-type').split(';', 1)[0]!.trim().toLowerCase()
    const body = await reply.bytes()
    if (mediaType === 'application/jwt') return this.#signedClaims(body.toString('latin1').trim())
    if (mediaType !== 'application/json') return 'the UserInfo response is not application/json'
    const object = isUtf8(body) ? readJsonObject(body.toString()) : 'token-malformed'
    return typeof object === 'string' ? 'the UserInfo response is no valid JSON object' : object
  }

  /**
   * Validates a signed UserInfo response. Its `iss` must be the issuer and its `aud` the gate (OpenID Connect Core
   * §5.3.2), so that no other JWT of the issuer is accepted.
   */
  async #signedClaims(text: string): Promise<JsonObject | string> {
    const jws = readJws(text)
    if (typeof jws === 'string') return 'the UserInfo response is a malformed or encrypted JWT'
    const { header, claims } = jws
    const [algorithm, keyId] = ['alg', 'kid'].map((name) => member(header, name))
    if (typeof algorithm !== 'string' || !this.#rules.algorithms.has(algorithm)) {
      return 'the UserInfo response is signed with an algorithm that the issuer entry does not allow'
    }
    if (keyId !== undefined && typeof keyId !== 'string') return 'the UserInfo response is a malformed JWT'
    const audience = member(claims, 'aud')
    const { clientId } = this.#rules.login!
    const isForGate = audience === clientId || (Array.isArray(audience) && audience.includes(clientId))
    if (member(claims, 'iss') !== this.#rules.issuer || !isForGate) {
      return 'the UserInfo response is a JWT of another issuer or for another client'
    }
    const named: TokenHeader = { algorithm, keyId }
    return (await isSignedBy(this.#rules, text, named, this.#keys, 'issuer'))
      ? claims
      : 'the UserInfo response has an invalid signature'
  }

  /** Cancels the calls to the UserInfo endpoint in progress. */
  close(): Promise<void> {
    return this.#http.close()
  }
}
