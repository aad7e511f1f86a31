import * as oauth from 'openid-client'
import { clientSecret, demoClients, redirectUris } from './accounts.ts'
import { loopback, type Ports } from './ports.ts'
import { walkLogin } from './walk-login.ts'

export interface TokenRequest {
  readonly client?: string | undefined
  /** Name of the user who logs in. Default: none; the client requests a token for itself. */
  readonly user?: string | undefined
  /** Requested scopes, separated by spaces. Default: all scopes that the issuer allows for the client. */
  readonly scope?: string | undefined
  /** Resource indicator of the token (RFC 8707). Default: the gate. */
  readonly resource?: string | undefined
  /** Whether to request an opaque token for the gate instead of a JWT. */
  readonly opaque?: boolean | undefined
}

export interface Tokens {
  readonly accessToken: string
  readonly scope: string
  readonly expiresInS: number
  readonly refreshToken: string | undefined
  readonly idToken: string | undefined
}

/** Error: no issuer of a demo answers on the port. */
export class DemoNotRunning extends Error {
  override readonly name = 'DemoNotRunning'
}

/** Error: the issuer refused the token request. `message` has the issuer's error code. */
export class GrantRefused extends Error {
  override readonly name = 'GrantRefused'
}

const timeoutMs = 10_000

/**
 * Requests tokens from the issuer of the running demo with an OAuth grant. For a client: client credentials (RFC 6749
 * §4.4). For a user: authorization code with PKCE (RFC 7636), through the login pages.
 *
 * @throws {DemoNotRunning} when no issuer answers
 * @throws {GrantRefused} when the issuer refuses, or grants fewer scopes than requested
 */
export async function requestTokens(ports: Ports, request: TokenRequest): Promise<Tokens> {
  const { client = request.user === undefined ? 'reader' : 'web', user, opaque = false } = request
  const known = Object.hasOwn(demoClients, client) ? demoClients[client] : undefined
  const scope = request.scope ?? known?.scopes.join(' ') ?? ''
  const resource = `${request.resource ?? loopback(ports.gate)}${opaque ? '/opaque' : ''}`
  const configuration = await discover(ports, client)
  return refusing(async () => {
    const tokens =
      user === undefined
        ? tokensOf(await oauth.clientCredentialsGrant(configuration, { scope, resource }))
        : await logIn(configuration, ports, { user, scope: `openid ${scope}`, resource })
    const granted = new Set(tokens.scope.split(' '))
    const missing = scope.split(' ').filter((word) => word !== '' && word !== 'openid' && !granted.has(word))
    if (missing.length > 0) throw new GrantRefused(`invalid_scope: the issuer did not grant ${missing.join(' ')}`)
    return tokens
  })
}

/**
 * Exchanges a refresh token for new tokens (RFC 6749 §6).
 *
 * @throws {DemoNotRunning} when no issuer answers
 * @throws {GrantRefused} when the issuer refuses
 */
export async function refreshTokens(ports: Ports, client: string, refreshToken: string): Promise<Tokens> {
  const configuration = await discover(ports, client)
  return refusing(async () => tokensOf(await oauth.refreshTokenGrant(configuration, refreshToken)))
}

async function logIn(
  configuration: oauth.Configuration,
  ports: Ports,
  { user, scope, resource }: { user: string; scope: string; resource: string },
): Promise<Tokens> {
  const [, redirectUri] = redirectUris(ports)
  const pkceCodeVerifier = oauth.randomPKCECodeVerifier()
  const expectedState = oauth.randomState()
  const start = oauth.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope,
    resource,
    state: expectedState,
    code_challenge: await oauth.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  })
  const returned = await walkLogin(start, redirectUri, user, AbortSignal.timeout(timeoutMs))
  const checks = { pkceCodeVerifier, expectedState, idTokenExpected: true }
  return tokensOf(await oauth.authorizationCodeGrant(configuration, returned, checks))
}

async function discover(ports: Ports, client: string): Promise<oauth.Configuration> {
  const issuer = loopback(ports.issuer)
  try {
    return await oauth.discovery(new URL(issuer), client, clientSecret(client), oauth.ClientSecretBasic(), {
      execute: [oauth.allowInsecureRequests],
      timeout: timeoutMs / 1000,
    })
  } catch (cause) {
    throw new DemoNotRunning(`the demo is not running: no issuer answers at ${issuer}`, { cause })
  }
}

function tokensOf(response: oauth.TokenEndpointResponse): Tokens {
  return {
    accessToken: response.access_token,
    scope: response.scope ?? '',
    expiresInS: response.expires_in ?? 0,
    refreshToken: response.refresh_token,
    idToken: response.id_token,
  }
}

async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof GrantRefused) throw cause
    throw new GrantRefused(saying(cause), { cause })
  }
}

/**
 * Returns the issuer's `error` and `error_description`, from the body of its reply or, after a failed client
 * authentication, from the challenge.
 */
function saying(cause: unknown): string {
  const { error, error_description: description } =
    cause instanceof oauth.WWWAuthenticateChallengeError
      ? (cause.cause[0]?.parameters ?? {})
      : (cause as Partial<Record<'error' | 'error_description', string>>)
  return error === undefined ? (cause as Error).message : [error, description].filter(Boolean).join(': ')
}
