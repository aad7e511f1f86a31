import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { interactionPolicy, Provider } from 'oidc-provider'
import { atEnd } from './cleanup.ts'
import { testAudience } from './issuer.ts'
import { listen } from './ports.ts'
import { signingKey } from './signing-key.ts'

/** The gate's OAuth client at the test issuer. */
export const loginClient = { id: 'web', secret: 'web-secret-for-tests-only' } as const

/** Client of the console of the admin plane at the test issuer, and the audience of its tokens. */
export const consoleClient = {
  id: 'gatehouse-console',
  secret: 'console-secret-for-tests-only',
  resource: 'https://gate.test/admin',
} as const

const consoleScopes = 'gatehouse:read gatehouse:limits'

/** A real authorization server (oidc-provider) with a login form, its own browser session, and single logout. */
export interface LoginProvider {
  /** The issuer identifier. */
  readonly url: string
  /** Lifetime of the next access tokens, s. */
  accessTokenS: number
  /** Delay of each reply of the token endpoint, ms. */
  tokenDelayMs: number
  /** Delay of each reply of the UserInfo endpoint, ms. */
  userInfoDelayMs: number
  /** True: access tokens are JWTs for the gate. False: access tokens are opaque and for the provider itself. */
  forGate: boolean
  /** Additional claims of access tokens. */
  tokenClaims: Readonly<Record<string, unknown>>
  /** Groups of the users, in the claim `groups` of the scope `groups`; a user that is not named has no group. */
  groups: Readonly<Record<string, readonly string[]>>
  /** Whether the next refreshes return an ID token. */
  idTokenAtRefresh: boolean
  /** Whether the issuer refuses refresh tokens, as after the end of their grant. */
  refusesRefreshes: boolean
  /** Whether the next logins return a refresh token. */
  refreshTokens: boolean
  /** While true, every request gets 503. */
  down: boolean
  /** Changes the client secret that the provider accepts. */
  rotateSecret(secret: string): Promise<void>
  /** All requests so far, each as `method path`. */
  readonly requests: string[]
  /** Errors that the provider reported (`server_error` and `backchannel.error`). */
  readonly failures: string[]
}

interface LoginProviderOptions {
  /** Origin of the gate, such as `http://127.0.0.1:8080`. */
  readonly gate: string
  /** Origin at which the issuer calls the gate. Default: `gate`. */
  readonly backchannel?: string
  readonly pushedRequests?: boolean
  /** Origin of the console of the admin plane. Default: the issuer has no client for it. */
  readonly console?: string
}

/** Types of oidc-provider that are missing in its type declarations. */
interface Models {
  readonly Grant: new (
    values: object,
  ) => { addOIDCScope(s: string): void; addResourceScope(r: string, s: string): void; save(): Promise<string> }
}

/** Method of Koa, on which oidc-provider is built. */
interface Middlewares {
  use(work: (context: TokenContext, next: () => Promise<void>) => Promise<void>): void
}

interface Clients {
  readonly Client: { find(id: string): Promise<{ clientSecret: string }> }
}

interface TokenContext {
  readonly oidc?: { readonly params?: Readonly<Record<string, unknown>> }
  readonly body: { id_token?: string }
}

interface Context {
  readonly oidc: {
    readonly params: Readonly<Record<string, string | undefined>>
    readonly session: { readonly accountId: string; readonly acr?: string }
    readonly client: { readonly clientId: string }
    readonly provider: Provider & Models
  }
}

export async function startLoginProvider(options: LoginProviderOptions): Promise<LoginProvider> {
  const server = createServer()
  const url = `http://127.0.0.1:${await listen(server)}`
  const self: LoginProvider = {
    url,
    accessTokenS: 300,
    tokenDelayMs: 0,
    userInfoDelayMs: 0,
    forGate: true,
    tokenClaims: {},
    groups: {},
    idTokenAtRefresh: true,
    refusesRefreshes: false,
    refreshTokens: true,
    down: false,
    rotateSecret: async (secret) => {
      const { Client } = provider as unknown as Clients
      const client = await Client.find(loginClient.id)
      client.clientSecret = secret
    },
    requests: [],
    failures: [],
  }
  const provider = new Provider(url, configuration(self, options))
  provider.on('server_error', (_: unknown, error: Error) => self.failures.push(String(error)))
  provider.on('backchannel.error', (_: unknown, error: Error) => self.failures.push(`${error} ${error.cause}`))
  const { use } = provider as unknown as Middlewares
  use.call(provider, async (context, next) => {
    await next()
    const { oidc, body } = context
    if (oidc?.params?.['grant_type'] !== 'refresh_token') return
    if (!self.idTokenAtRefresh) delete body.id_token
    if (self.refusesRefreshes) Object.assign(context, { status: 400, body: { error: 'invalid_grant' } })
  })
  const delays: Readonly<Record<string, () => number>> = {
    '/token': () => self.tokenDelayMs,
    '/me': () => self.userInfoDelayMs,
  }
  const delayMsOf = (path: string) => delays[path]?.() ?? 0
  const callback = provider.callback()
  server.on('request', (request, response) => {
    const { pathname } = new URL(request.url ?? '/', url)
    self.requests.push(`${request.method} ${pathname}`)
    if (self.down) response.writeHead(503).end()
    else if (pathname.startsWith('/login/')) {
      void answerLogin(provider, request, response).catch((error) => response.writeHead(400).end(String(error)))
    } else if (delayMsOf(pathname) > 0) {
      setTimeout(() => callback(request, response), delayMsOf(pathname))
    } else callback(request, response)
  })
  atEnd(async () => {
    const closed = new Promise((done) => server.close(done))
    server.closeAllConnections()
    await closed
  })
  return self
}

function configuration(
  self: LoginProvider,
  { gate, backchannel = gate, pushedRequests = false, console }: LoginProviderOptions,
): object {
  const policy = interactionPolicy.base()
  const { Check } = interactionPolicy
  policy.get('login')!.checks.add(
    new Check('acr_values', 'a stronger login is wanted', (ctx: Context) => {
      const { params, session } = ctx.oidc
      const wanted = params['acr_values']?.split(' ')
      return wanted !== undefined && !wanted.includes(session.acr ?? '')
    }),
  )
  return {
    jwks: { keys: [signingKey('ES256').privateJwk, signingKey('RS256').privateJwk] },
    clients: [
      {
        client_id: loginClient.id,
        client_secret: loginClient.secret,
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        redirect_uris: [`${gate}/.gatehouse/callback`, `${gate}/oauth2/callback`],
        post_logout_redirect_uris: [`${gate}/.gatehouse/logout`],
        backchannel_logout_uri: `${backchannel}/.gatehouse/backchannel-logout`,
        backchannel_logout_session_required: true,
      },
      ...(console === undefined ? [] : [consoleMetadata(console)]),
    ],
    clientAuthMethods: ['client_secret_basic'],
    pkce: { required: () => true },
    acrValues: ['urn:plain', 'urn:strong'],
    scopes: ['openid', 'profile', 'email', 'groups', 'offline_access', 'orders:read', ...consoleScopes.split(' ')],
    claims: {
      openid: ['sub', 'auth_time', 'acr', 'sid'],
      profile: ['name'],
      email: ['email', 'email_verified'],
      groups: ['groups'],
    },
    conformIdTokenClaims: false,
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      pushedAuthorizationRequests: { enabled: pushedRequests },
      revocation: { enabled: true },
      rpInitiatedLogout: { enabled: true, logoutSource },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => (self.forGate ? testAudience : undefined),
        useGrantedResource: () => true,
        getResourceServerInfo: (_: unknown, indicator: string) => ({
          scope: indicator === consoleClient.resource ? consoleScopes : 'orders:read',
          audience: indicator === consoleClient.resource ? indicator : testAudience,
          accessTokenTTL: self.accessTokenS,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    // Drops the dispatcher of oidc-provider, which refuses loopback addresses; the gate listens on loopback.
    fetch: (address: string, { dispatcher: _, ...wanted }: RequestInit & { dispatcher?: unknown }) =>
      fetch(address, wanted),
    findAccount: (_: unknown, id: string) => ({
      accountId: id,
      claims: () => ({
        sub: id,
        name: `${id} <b>`,
        email: `${id}@people.test`,
        email_verified: true,
        groups: self.groups[id],
      }),
    }),
    interactions: { url: (_: unknown, { uid }: { uid: string }) => `/login/${uid}`, policy },
    extraTokenClaims: () => self.tokenClaims,
    issueRefreshToken: () => self.refreshTokens,
    rotateRefreshToken: true,
    expiresWithSession: () => false,
    // Grants all scopes without asking the user for consent.
    loadExistingGrant: async ({ oidc }: Context) => {
      const grant = new oidc.provider.Grant({ accountId: oidc.session.accountId, clientId: oidc.client.clientId })
      grant.addOIDCScope(`openid profile email groups offline_access orders:read ${consoleScopes}`)
      grant.addResourceScope(testAudience, 'orders:read')
      grant.addResourceScope(consoleClient.resource, consoleScopes)
      await grant.save()
      return grant
    },
    ttl: { AccessToken: () => self.accessTokenS, AuthorizationCode: 60, IdToken: 3600, RefreshToken: 86_400 },
    cookies: { keys: ['for-tests-only'] },
  }
}

function consoleMetadata(origin: string): object {
  return {
    client_id: consoleClient.id,
    client_secret: consoleClient.secret,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: [`${origin}/callback`],
  }
}

/**
 * Login page of the test issuer: accepts the chosen user without a password, and reports the first requested `acr` as
 * reached.
 */
async function answerLogin(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { params } = await provider.interactionDetails(request, response)
  if (request.method !== 'POST') {
    response.writeHead(200, { 'content-type': 'text/html' })
    const users = ['alice', 'bob'].map((user) => `<button name="user" value="${user}">${user}</button>`)
    response.end(
      `<title>Who are you?</title><form method="post">${users.join('')}<button name="deny" value="1">No</button></form>`,
    )
    return
  }
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  const form = new URLSearchParams(text)
  const acr = String(params['acr_values'] ?? 'urn:plain').split(' ')[0]
  const result = form.has('deny')
    ? { error: 'access_denied', error_description: '<script>alert(1)</script> said no' }
    : { login: { accountId: form.get('user') ?? '', acr } }
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false })
}

function logoutSource(ctx: { body: string }, form: string): void {
  ctx.body = `<title>Log out?</title>${form}<button form="op.logoutForm" name="logout" value="yes">Yes</button>`
}
