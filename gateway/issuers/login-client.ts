import { createHash } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import * as openid from 'openid-client'
import { siteKey } from '../base/address-key.ts'
import type { StepUp } from '../base/denial.ts'
import { GatewayFault } from '../base/fault.ts'
import { Semaphore } from '../base/semaphore.ts'
import { type DocumentPath, formatPath } from '../config/problem.ts'
import type { Secrets } from '../config/secrets.ts'
import { flawInIdToken } from '../oauth/id-token.ts'
import { type JsonObject, member } from '../oauth/json.ts'
import { readJws } from '../oauth/jws.ts'
import { readName } from '../oauth/name.ts'
import { flawInPair } from '../oauth/same-person.ts'
import type { IssuerRules, LoginRules } from '../oauth/token-facts.ts'
import { ClientAuthentication } from './client-credentials.ts'
import { discover } from './discovery.ts'
import { FairSemaphore } from './fair-semaphore.ts'
import type { IssuerClient } from './issuer-client.ts'
import { IssuerFetch } from './issuer-fetch.ts'
import { isSignedBy } from './issuer-signature.ts'
import { readMetadataUrl } from './issuer-url.ts'
import type { IssuerLog } from './key-set.ts'
import type { KeySource } from './key-source.ts'
import { misconfigurationIn } from './login-misconfiguration.ts'
import { flawInTokenReply, type UnusableTokens, unknownTokenType } from './token-reply.ts'
import { type UserInfo, UserInfoCall } from './user-info.ts'

export interface LoginClientDependencies {
  /** Fetches the metadata of the issuer. */
  readonly client: IssuerClient
  /** Keys of issuers, to verify ID tokens. */
  readonly keys: KeySource
  readonly secrets: Secrets
  readonly log: IssuerLog
  /** Path of the login's settings, for names of secrets and error messages. Default: `issuers.NAME.login` in the policy. */
  readonly place?: DocumentPath | undefined
}

/** Secret random values of one login, stored until the browser returns from the issuer. */
export interface LoginSecrets {
  readonly nonce: string
  /** PKCE code verifier (RFC 7636 §4.1). */
  readonly codeVerifier: string
}

export function newLoginSecrets(): LoginSecrets {
  return { nonce: openid.randomNonce(), codeVerifier: openid.randomPKCECodeVerifier() }
}

/** Values of a login with which the response of the issuer must agree. */
export interface LoginChecks extends LoginSecrets {
  readonly state: string
  readonly stepUp: StepUp
}

/** Tokens that an issuer granted for a code or a refresh token. */
export interface GrantedTokens {
  readonly accessToken: string
  readonly refreshToken: string | undefined
  readonly idToken: string | undefined
  /**
   * Time when the access token expires, from `expires_in` or else from `exp` of a JWT; `undefined` if unknown; s since
   * the epoch.
   */
  readonly accessExpiresAtS: number | undefined
  /** Time when the refresh token expires, s since the epoch; `undefined` when the issuer does not state it. */
  readonly refreshExpiresAtS?: number | undefined
  readonly scope: string | undefined
}

export interface LoginGrant extends GrantedTokens {
  /** Claims of the ID token. The gate has verified its signature, and that it belongs to this login. */
  readonly claims: JsonObject
}

/** The HTTP client (usually a browser) for whom the gate calls the issuer, and a check whether the call is allowed. */
export interface LoginCaller {
  /**
   * Address of the client. One address can have at most 4 concurrent calls; further calls wait, up to `login.timeout`.
   */
  readonly address: string
  /**
   * True when a valid token or session came from the address in the last 10 minutes, so that the call can use a
   * reserved slot.
   */
  readonly known: boolean
  /**
   * Called when a slot for the call is free, before anything is sent to the issuer. If it returns false, the call is
   * not made.
   */
  readonly permit: () => boolean | Promise<boolean>
}

/**
 * A login that the issuer or the gate refused. Contains no secrets. `error` and `description` are texts of the issuer.
 */
export interface LoginRefusal {
  readonly refused:
    | 'login-denied'
    | 'login-unproven'
    | 'login-insufficient'
    | 'login-token-unusable'
    | 'login-misconfigured'
  /** Member `error` of the issuer's reply to the login, if the reply has one (RFC 6749 §4.1.2.1, §5.2). */
  readonly error: string | undefined
  readonly description: string | undefined
  /** Cause of the login's refusal, for the log. */
  readonly why: string
}

/**
 * Limits for code exchanges and pushed authorization requests, which unauthenticated clients can cause. `atOnce`:
 * concurrent calls. `perKey`: concurrent calls of one address. `reserved`: slots for known addresses. `waitingMax`:
 * waiting calls of known addresses, and as many of unknown addresses. Waiting calls are served in rotation by address;
 * all addresses of one IPv6 /48 count as one in the rotation.
 */
const LOGINS = { atOnce: 32, perKey: 4, reserved: 8, waitingMax: 2048, networkOf: siteKey }
/**
 * Limits for token refreshes, and separately for UserInfo requests: number in progress (`atOnce`), and number that wait
 * for a slot.
 */
const REFRESHES = { atOnce: 32, waitingMax: 256 }
/** Limits for token revocations at the issuer: number in progress (`atOnce`), and number that wait for a slot. */
const REVOCATIONS = { atOnce: 8, waitingMax: 512 }
/**
 * Clock tolerance for ID tokens that come with refreshed tokens, s: 10 years. A rejection by a wrong clock would lose the
 * new refresh token, and end the session.
 */
const ANY_CLOCK_S = 10 * 365 * 24 * 3600
/** Timeout of a token refresh at the issuer, ms. */
const REFRESH_MS = 30_000
/** Time for which the issuer's metadata is cached, ms: 10 minutes. */
const METADATA_MS = 10 * 60_000

/**
 * Client authentication for openid-client that does nothing, because {@link IssuerFetch} adds the authentication to
 * each request.
 */
const authenticatedByFetch: openid.ClientAuth = () => {}

type Turnstile = Pick<Semaphore, 'take' | 'done'>

/** The semaphore and the connections for one kind of call to an issuer. */
interface Lane<T> {
  readonly turns: T
  readonly fetch: IssuerFetch
}

/** Logs browsers in at one issuer with openid-client (RFC 6749 §4.1 with PKCE, OpenID Connect Core §3.1). */
export class LoginClient {
  readonly #rules: IssuerRules
  readonly #login: LoginRules
  readonly #dependencies: LoginClientDependencies
  readonly #path: DocumentPath
  readonly #authentication: ClientAuthentication
  // Each kind of call has its own slots and connections, so that logins of unauthenticated clients cannot use up the
  // slots of token refreshes.
  readonly #logins: Lane<FairSemaphore>
  readonly #refreshes: Lane<Semaphore>
  readonly #revocations: Lane<Semaphore>
  readonly #userInfos: { readonly turns: Semaphore; readonly call: UserInfoCall }
  #warnedOfNoRefreshToken = false
  #known: { readonly metadata: Promise<openid.ServerMetadata>; readonly foundMs: number } | undefined

  /** @throws {ConfigError} when the secret that the issuer's rules reference cannot be read */
  constructor(rules: IssuerRules, dependencies: LoginClientDependencies) {
    this.#rules = rules
    this.#login = rules.login as LoginRules
    this.#dependencies = dependencies
    this.#path = dependencies.place ?? ['issuers', rules.name, 'login']
    const place = { path: this.#path, usedBy: `login at issuer ${rules.name}` }
    const authentication = new ClientAuthentication(this.#login.auth, place, dependencies.secrets)
    this.#authentication = authentication
    const { patienceMs } = this
    const { clientId } = this.#login
    const lane = <T>(turns: T, connections: number): Lane<T> => ({
      turns,
      fetch: new IssuerFetch({ authentication, clientId, issuer: rules.issuer, connections, patienceMs }),
    })
    this.#logins = lane(new FairSemaphore(LOGINS), LOGINS.atOnce)
    this.#refreshes = lane(new Semaphore(REFRESHES.atOnce, REFRESHES.waitingMax), REFRESHES.atOnce)
    this.#revocations = lane(new Semaphore(REVOCATIONS.atOnce, REVOCATIONS.waitingMax), REVOCATIONS.atOnce)
    this.#userInfos = {
      turns: new Semaphore(REFRESHES.atOnce, REFRESHES.waitingMax),
      call: new UserInfoCall(rules, dependencies.keys, REFRESHES.atOnce),
    }
  }

  /** Maximum time until all calls to the issuer in progress have ended, ms. */
  get patienceMs(): number {
    return 3 * this.#login.timeoutMs + REFRESH_MS
  }

  /**
   * Starts a login. Sends a pushed authorization request (RFC 9126) if the issuer supports it.
   *
   * With `prompt` set to `login`, the value is added to the policy's prompt, so that the issuer does not reuse an
   * earlier login (OpenID Connect Core §3.1.2.1).
   *
   * @param caller  the client. `permit` is called before a pushed request; without a pushed request the issuer is not
   * called
   * @returns the URL where the browser logs in; a refusal when the issuer rejects the pushed request; `undefined` when
   *   `permit` did not allow the call
   * @throws {GatewayFault} `issuer-unreachable` when the metadata or the pushed request fails
   */
  begin(
    redirectUri: string,
    { state, nonce, codeVerifier, stepUp, prompt }: LoginChecks & { readonly prompt?: 'login' | undefined },
    { address, known, permit }: LoginCaller,
  ): Promise<string | LoginRefusal | undefined> {
    const what = 'login cannot be started'
    return this.#answered(what, async () => {
      const configuration = await this.#configuration(this.#logins)
      const { scopes, resource } = this.#login
      const prompts = new Set([prompt, this.#login.prompt].filter((each) => each !== undefined))
      const { acrValues, maxAgeS } = stepUp
      const parameters: Record<string, string> = {
        ...this.#login.parameters,
        redirect_uri: redirectUri,
        scope: scopes.join(' '),
        state,
        nonce,
        code_challenge: await openid.calculatePKCECodeChallenge(codeVerifier),
        code_challenge_method: 'S256',
        ...(resource !== undefined && { resource }),
        ...(prompts.size > 0 && { prompt: [...prompts].join(' ') }),
        ...(acrValues && { acr_values: acrValues.join(' ') }),
        ...(maxAgeS !== undefined && { max_age: String(maxAgeS) }),
      }
      const pushes = configuration.serverMetadata().pushed_authorization_request_endpoint !== undefined
      if (!pushes) return openid.buildAuthorizationUrl(configuration, parameters).href
      return this.#inTurn(what, this.#logins.turns.of(address, known), async () => {
        if (!(await permit())) return undefined
        try {
          return (await openid.buildAuthorizationUrlWithPAR(configuration, parameters)).href
        } catch (error) {
          // Report any error reply to a pushed authorization request as a fault: it is a fault of the gate or the
          // issuer, because nothing in the request comes from the browser.
          const problem = this.#misconfigurationIn(error, redirectUri, true)
          if (problem !== undefined) return refusal('login-misconfigured', problem)
          throw this.#fault(what, error)
        }
      })
    })
  }

  /**
   * Completes a login. Validates the authorization response (`state`; `iss`, RFC 9207), exchanges the code for tokens,
   * and validates the ID token with its signature (OpenID Connect Core §3.1.3.7).
   *
   * @param reply   the URL to which the issuer redirected the browser
   * @param caller  the client. `permit` is called after all waits, directly before the code is exchanged
   * @returns `undefined` when `permit` did not allow the exchange
   * @throws {GatewayFault} `issuer-unreachable` when the issuer sends no usable reply
   */
  finish(
    reply: URL,
    { state, nonce, codeVerifier, stepUp }: LoginChecks,
    { address, known, permit }: LoginCaller,
  ): Promise<LoginGrant | LoginRefusal | undefined> {
    const turns = this.#logins.turns.of(address, known)
    const work = async (configuration: openid.Configuration): Promise<LoginGrant | LoginRefusal | undefined> => {
      if (!(await permit())) return undefined
      const { resource } = this.#login
      const granted = await openid.authorizationCodeGrant(
        configuration,
        reply,
        {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: codeVerifier,
          idTokenExpected: true,
          ...(stepUp.maxAgeS !== undefined && { maxAge: stepUp.maxAgeS }),
        },
        resource === undefined ? {} : { resource },
      )
      const flaw = flawInTokenReply(granted, this.#rules, Date.now())
      if (flaw !== undefined) return refusal('login-token-unusable', flaw)
      const claims = await this.#verified(granted.id_token!, granted.access_token)
      if (typeof claims === 'string') return unproven(claims)
      const mismatch = flawInPair(granted.access_token, claims, this.#rules)
      if (mismatch !== undefined) return unproven(mismatch)
      // Check that `auth_time` is not in the future: openid-client has only checked that it is not older than
      // `max_age`.
      if (stepUp.maxAgeS !== undefined && this.#liesAhead(member(claims, 'auth_time'))) {
        return unproven('auth_time of the ID token is in the future')
      }
      const acr = member(claims, 'acr')
      if (stepUp.acrValues?.some((wanted) => wanted === acr) === false) {
        return refusal('login-insufficient', 'the acr of the ID token is none of the requested values')
      }
      if (granted.refresh_token === undefined) this.#warnOfNoRefreshToken()
      return { ...tokensOf(granted), claims }
    }
    const redirectUri = reply.origin + reply.pathname
    return this.#call('login cannot be completed', { turns, fetch: this.#logins.fetch }, work).catch((error) => {
      const problem = this.#misconfigurationIn(error, redirectUri)
      return problem === undefined ? refusalOf(error) : refusal('login-misconfigured', problem)
    })
  }

  /**
   * Exchanges a refresh token for new tokens (RFC 6749 §6). The timeout is longer than for a login. Otherwise a request
   * that the issuer has already processed could be cancelled: the new refresh token would be lost, and the session with
   * it.
   *
   * @returns `invalid_grant` when the issuer reports the refresh token as invalid
   * @throws {GatewayFault} `issuer-unreachable` for every reply that says nothing about the refresh token
   */
  refresh(refreshToken: string): Promise<GrantedTokens | UnusableTokens | 'invalid_grant'> {
    return this.#call('session tokens cannot be refreshed', this.#refreshes, async (configuration) => {
      const { resource } = this.#login
      configuration.timeout = REFRESH_MS / 1000
      try {
        const parameters: Record<string, string> = resource === undefined ? {} : { resource }
        const granted = await openid.refreshTokenGrant(configuration, refreshToken, parameters)
        const flaw = flawInTokenReply(granted, this.#rules, Date.now()) ?? this.#flawInRefreshed(granted.id_token)
        return flaw === undefined ? tokensOf(granted) : { unusable: flaw }
      } catch (error) {
        const flaw = unknownTokenType(error)
        if (flaw !== undefined) return { unusable: flaw }
        if (error instanceof openid.ResponseBodyError && error.error === 'invalid_grant') return 'invalid_grant'
        throw this.#fault('session tokens cannot be refreshed', error)
      }
    })
  }

  /**
   * Revokes a token at the issuer (RFC 7009). When the issuer does not support the revocation of this kind of token,
   * does nothing and succeeds: the gate itself refuses the token in any case.
   *
   * @throws {GatewayFault} `issuer-unreachable` when the issuer does not confirm the revocation
   */
  revoke(token: string, kind: 'refresh_token' | 'access_token'): Promise<void> {
    return this.#call('token cannot be revoked at the issuer', this.#revocations, async (configuration) => {
      if (configuration.serverMetadata().revocation_endpoint === undefined) return
      try {
        await openid.tokenRevocation(configuration, token, { token_type_hint: kind })
      } catch (error) {
        if (error instanceof openid.ResponseBodyError && error.error === 'unsupported_token_type') return
        throw this.#fault('token cannot be revoked at the issuer', error)
      }
    })
  }

  /**
   * Asks the UserInfo endpoint for the claims about the user (OpenID Connect Core §5.3).
   *
   * @param subject  `sub` of the ID token; `sub` of the response must be the same
   * @throws {GatewayFault} `issuer-unreachable` when the issuer is unavailable
   */
  userInfo(accessToken: string, subject: string): Promise<UserInfo> {
    const what = 'claims about the user cannot be fetched'
    return this.#answered(what, async () => {
      const { userinfo_endpoint: url } = await this.#metadata()
      if (url === undefined) return { none: 'the issuer has no UserInfo endpoint' }
      const { href } = readMetadataUrl(url, 'userinfo_endpoint', this.#rules.issuer)
      const { turns, call } = this.#userInfos
      const signal = AbortSignal.timeout(2 * this.#login.timeoutMs)
      return this.#inTurn(what, turns, () => call.ask(href, accessToken, subject, signal))
    })
  }

  /**
   * Returns the URL where the browser logs out at the issuer (OpenID Connect RP-Initiated Logout §2); `undefined` if
   * the issuer has no such endpoint.
   *
   * @throws {GatewayFault} `issuer-unreachable` when the metadata cannot be fetched
   */
  logoutUrl(idToken: string | undefined, returnTo: string): Promise<string | undefined> {
    return this.#answered('end_session_endpoint of the issuer cannot be discovered', async () => {
      const configuration = await this.#configuration(this.#logins)
      if (configuration.serverMetadata().end_session_endpoint === undefined) return undefined
      const hint: Record<string, string> = idToken === undefined ? {} : { id_token_hint: idToken }
      return openid.buildEndSessionUrl(configuration, { ...hint, post_logout_redirect_uri: returnTo }).href
    })
  }

  /** Cancels the calls to the issuer that are in progress. */
  async close(): Promise<void> {
    this.#authentication.close()
    const lanes = [this.#logins, this.#refreshes, this.#revocations]
    await Promise.all([...lanes.map(({ fetch }) => fetch.close()), this.#userInfos.call.close()])
  }

  /**
   * Makes one call to the issuer when a slot is free. The metadata is fetched before, so that the call occupies no slot
   * during the fetch.
   */
  #call<T>(what: string, lane: Lane<Turnstile>, work: (configuration: openid.Configuration) => Promise<T>): Promise<T> {
    return this.#answered(what, async () => {
      const configuration = await this.#configuration(lane)
      return this.#inTurn(what, lane.turns, () => work(configuration))
    })
  }

  async #inTurn<T>(what: string, turns: Turnstile, work: () => Promise<T>): Promise<T> {
    if (!(await turns.take(this.#login.timeoutMs)))
      throw this.#fault(what, 'too many concurrent requests to the issuer')
    try {
      return await work()
    } finally {
      turns.done()
    }
  }

  /**
   * Runs a call to the issuer. Converts every error that is not an OAuth error of the issuer, such as a timeout or a
   * reply 5xx, into a fault.
   */
  async #answered<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw saysNothing(error) ? this.#fault(what, error) : error
    }
  }

  async #configuration({ fetch }: Pick<Lane<unknown>, 'fetch'>): Promise<openid.Configuration> {
    return this.#configurationOf(await this.#metadata(), fetch)
  }

  #metadata(): Promise<openid.ServerMetadata> {
    const now = performance.now()
    if (this.#known !== undefined && now - this.#known.foundMs < METADATA_MS) return this.#known.metadata
    const signal = AbortSignal.timeout(this.#login.timeoutMs)
    const metadata = discover(this.#dependencies.client, this.#rules, signal) as Promise<unknown>
    const known = { metadata: metadata as Promise<openid.ServerMetadata>, foundMs: now }
    this.#known = known
    known.metadata.catch(() => {
      if (this.#known === known) this.#known = undefined
    })
    return known.metadata
  }

  #configurationOf(metadata: openid.ServerMetadata, fetch: IssuerFetch): openid.Configuration {
    const configuration = new openid.Configuration(
      metadata,
      this.#login.clientId,
      {
        [openid.clockTolerance]: fetch === this.#refreshes.fetch ? ANY_CLOCK_S : this.#rules.clockToleranceS,
        use_mtls_endpoint_aliases: this.#login.auth.method === 'tls_client_auth',
      },
      authenticatedByFetch,
    )
    configuration[openid.customFetch] = fetch.fetch
    configuration.timeout = this.#login.timeoutMs / 1000
    // Allow plain http in openid-client, which is safe: IssuerFetch rejects it, except when both the issuer and the
    // endpoint are on loopback.
    openid.allowInsecureRequests(configuration)
    return configuration
  }

  /**
   * Validates the signature and the `at_hash` of an ID token that openid-client has accepted. openid-client does not
   * check them.
   */
  async #verified(idToken: string, accessToken: string): Promise<JsonObject | string> {
    const jws = readJws(idToken)
    if (typeof jws === 'string') return 'the ID token is malformed'
    const algorithm = member(jws.header, 'alg')
    const keyId = member(jws.header, 'kid')
    if (typeof algorithm !== 'string' || !this.#rules.algorithms.has(algorithm)) {
      return 'the ID token is signed with an algorithm that the issuer entry does not allow'
    }
    if (keyId !== undefined && typeof keyId !== 'string') return 'the ID token is malformed'
    const flaw = flawInIdToken(jws, this.#rules, Date.now() / 1000)
    if (flaw !== undefined) return flaw
    if (!(await isSignedBy(this.#rules, idToken, { algorithm, keyId }, this.#dependencies.keys, 'issuer'))) {
      return 'the ID token has an invalid signature'
    }
    if (typeof readName(jws.claims, 'sub') !== 'string') return 'sub of the ID token is missing or invalid'
    if (readName(jws.claims, 'sid') === null) return 'sid of the ID token is invalid'
    const hash = member(jws.claims, 'at_hash')
    if (hash !== undefined && hash !== accessTokenHash(accessToken, algorithm)) {
      return 'at_hash of the ID token does not match the access token'
    }
    return jws.claims
  }

  /**
   * Returns the error in an ID token that came with refreshed tokens (OpenID Connect Core §12.2); `undefined` when the
   * ID token is valid or absent. The signature is not verified, because the token came directly from the issuer. For
   * the same reason its times are not compared with the clock of this process: a wrong clock must not end sessions.
   */
  #flawInRefreshed(idToken: string | undefined): string | undefined {
    if (idToken === undefined) return undefined
    const jws = readJws(idToken)
    return typeof jws === 'string' ? 'the ID token is malformed' : flawInIdToken(jws, this.#rules, Infinity)
  }

  #liesAhead(timeS: unknown): boolean {
    return typeof timeS === 'number' && timeS > Date.now() / 1000 + this.#rules.clockToleranceS
  }

  #misconfigurationIn(error: unknown, redirectUri?: string, any?: boolean): string | undefined {
    const { presented } = this.#authentication
    const secrets = 'secret' in presented ? [presented.secret] : []
    return misconfigurationIn(error, { login: this.#login, place: formatPath(this.#path), redirectUri, secrets }, any)
  }

  /** Logs once that the issuer grants no refresh token, so that sessions are shorter than the policy says. */
  #warnOfNoRefreshToken(): void {
    if (this.#warnedOfNoRefreshToken) return
    this.#warnedOfNoRefreshToken = true
    const { name } = this.#rules
    const remedy = this.#login.scopes.includes('offline_access')
      ? 'the login requests the scope offline_access: allow refresh tokens for this client at the issuer'
      : `request the scope offline_access under ${formatPath(this.#path)}.scopes`
    this.#dependencies.log('warn', 'the issuer grants no refresh token: sessions end with their access tokens', {
      issuer: name,
      problem: `${remedy}, or see "Obtain a refresh token" in docs/guide/login.md`,
    })
  }

  #fault(what: string, cause: unknown): GatewayFault {
    const problem = this.#misconfigurationIn(cause) ?? reasonOf(cause)
    const why = `issuer ${this.#rules.name}: ${what}: ${problem}`
    this.#dependencies.log('warn', what, { issuer: this.#rules.name, problem })
    return new GatewayFault('issuer-unreachable', 'issuer', why)
  }
}

/** Computes the expected `at_hash` of an ID token (OpenID Connect Core §3.1.3.6). Ed25519 uses SHA-512 (RFC 8037). */
function accessTokenHash(accessToken: string, algorithm: string): string {
  const bits = /^[A-Z]S(256|384|512)$/.exec(algorithm)?.[1] ?? '512'
  const digest = createHash(`sha${bits}`).update(accessToken).digest()
  return digest.subarray(0, digest.length / 2).toString('base64url')
}

function tokensOf(granted: openid.TokenEndpointResponse): GrantedTokens {
  const { access_token, refresh_token, id_token, expires_in, scope } = granted
  return {
    accessToken: access_token,
    refreshToken: refresh_token,
    idToken: id_token,
    accessExpiresAtS: expires_in === undefined ? expiryIn(access_token) : Math.floor(Date.now() / 1000) + expires_in,
    refreshExpiresAtS: refresh_token === undefined ? undefined : refreshExpiryIn(granted),
    scope,
  }
}

/**
 * Returns the time when the refresh token of a reply expires. No standard defines a member of the reply for this time:
 * Keycloak sends `refresh_expires_in`, other issuers send `refresh_token_expires_in`. 0 means that the refresh token
 * does not expire.
 */
function refreshExpiryIn({ refresh_expires_in, refresh_token_expires_in }: openid.TokenEndpointResponse) {
  const seconds = refresh_expires_in ?? refresh_token_expires_in
  const isStated = typeof seconds === 'number' && Number.isFinite(seconds) && seconds > 0
  return isStated ? Math.floor(Date.now() / 1000 + seconds) : undefined
}

/**
 * Returns `exp` of an access token that is a JWT. Used when the reply of the issuer has no `expires_in`, which is
 * optional (RFC 6749 §5.1).
 */
function expiryIn(accessToken: string): number | undefined {
  const jws = readJws(accessToken)
  const exp = typeof jws === 'string' ? undefined : member(jws.claims, 'exp')
  return typeof exp === 'number' ? exp : undefined
}

/**
 * Whether an error of a call to the issuer says nothing about the request, for example a timeout or a reply 5xx. A
 * reply with an OAuth error says something.
 */
function saysNothing(error: unknown): boolean {
  if (error instanceof openid.ResponseBodyError) return error.status >= 500 || error.status === 429
  if (error instanceof openid.AuthorizationResponseError || error instanceof GatewayFault) return false
  if (!(error instanceof openid.ClientError)) return true
  return error.code === undefined || noAnswers.has(error.code)
}

const noAnswers = new Set([
  'OAUTH_TIMEOUT',
  'OAUTH_ABORT',
  'OAUTH_RESPONSE_IS_NOT_CONFORM',
  'OAUTH_RESPONSE_IS_NOT_JSON',
  'OAUTH_PARSE_ERROR',
])

function refusalOf(error: unknown): LoginRefusal {
  if (error instanceof GatewayFault) throw error
  if (error instanceof openid.AuthorizationResponseError) {
    const { error: code, error_description: description } = error
    return { refused: 'login-denied', error: code, description, why: cut(`the issuer returned error ${code}`) }
  }
  if (error instanceof openid.ResponseBodyError) {
    const { error: code, error_description: description } = error
    return {
      refused: 'login-unproven',
      error: code,
      description,
      why: cut(`the token endpoint returned error ${code}`),
    }
  }
  const type = unknownTokenType(error)
  return type === undefined ? unproven(reasonOf(error)) : refusal('login-token-unusable', type)
}

function unproven(why: string): LoginRefusal {
  return refusal('login-unproven', why)
}

/** Builds a login refusal by the gate itself, without any text of the issuer. */
function refusal(refused: LoginRefusal['refused'], why: string): LoginRefusal {
  return { refused, error: undefined, description: undefined, why }
}

/**
 * Describes a failed call to the issuer by its message and the message of its cause. Never includes the request, which
 * a cause can contain.
 */
function reasonOf(error: unknown): string {
  if (typeof error === 'string') return error
  if (error instanceof openid.ResponseBodyError) return cut(`status ${error.status}, ${error.error}`)
  if (!(error instanceof Error)) return 'unknown error'
  const { cause } = error
  if (!(cause instanceof Error) || cause.message === error.message) return cut(error.message)
  // Leave out the message that openid-client gives every network error.
  return cut(error.message === 'something went wrong' ? cause.message : `${error.message}: ${cause.message}`)
}

/** Cuts a text from a browser or an issuer to 200 characters, for a log line. */
function cut(text: string): string {
  return text.slice(0, 200)
}
