import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { importJWK, jwtVerify } from 'jose'
import { errors, Provider } from 'oidc-provider'
import { atEnd } from './cleanup.ts'
import { testAudience } from './issuer.ts'
import { listen } from './ports.ts'
import { compactJws, signingKey } from './signing-key.ts'

/** The gate's client at the test issuer, and clients that authenticate with their own secret. */
export const exchangeClient = { id: 'gatehouse', secret: 'a-secret:of the+gate' } as const
export const serviceClients = {
  batch: 'batch-secret:for tests+only',
  reports: 'reports-secret-for-tests-only',
} as const

/** Resource for which the gate exchanges tokens in the tests. */
export const ordersResource = 'https://orders.test'

const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange'
const tokenType = 'urn:ietf:params:oauth:token-type:access_token'
const scopesOf = new Map([
  [ordersResource, 'orders:read orders:write'],
  [testAudience, 'orders:read orders:write'],
])

/** Reply that replaces the one of the token endpoint. */
export interface TokenScript {
  readonly status?: number
  readonly body?: string
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
  /** True: the issuer keeps the connection open and sends no byte of a reply. */
  readonly silent?: boolean
  /** The issuer handles the request after this promise has resolved. */
  readonly held?: Promise<unknown>
}

/**
 * A real authorization server (oidc-provider) with token exchange (RFC 8693) and client credentials. It puts the gate in
 * front of the actors of the subject token (RFC 8693 §4.1).
 */
export interface ExchangeProvider {
  /** The issuer identifier. */
  readonly url: string
  /** Lifetime of the next tokens, s. */
  tokenS: number
  /** True: exchanged tokens do not keep the actors of the subject token. */
  dropsActor: boolean
  /** Forms of all requests to the token endpoint so far, in order. */
  readonly asked: URLSearchParams[]
  /** Called for each request to the token endpoint; `undefined` lets the provider reply. */
  script: ((form: URLSearchParams, request: IncomingMessage) => TokenScript | undefined) | undefined
  /** Signs an access token for the gate. `undefined` leaves a claim out. */
  sign(claims?: Readonly<Record<string, unknown>>): string
}

type Claims = Readonly<Record<string, unknown>>

interface Context {
  readonly oidc: {
    readonly params: Readonly<Record<string, string | undefined>>
    readonly client: { readonly clientId: string }
    readonly provider: Provider & { readonly AccessToken: new (values: object) => ExchangedModel }
    entity(name: string, value: object): void
  }
  body: unknown
}

interface ExchangedModel {
  resourceServer: object
  scope: string | undefined
  save(): Promise<string>
}

/** Starts an issuer with token exchange. The issuer stops after the last test of the file. */
export async function startExchangeProvider(): Promise<ExchangeProvider> {
  const server = createServer()
  const url = `http://127.0.0.1:${await listen(server)}`
  const key = signingKey('ES256')
  const actors = new WeakMap<object, Claims>()
  const self: ExchangeProvider = {
    url,
    tokenS: 300,
    dropsActor: false,
    asked: [],
    script: undefined,
    sign(claims = {}) {
      const nowS = Math.floor(Date.now() / 1000)
      const good = {
        iss: url,
        sub: 'alice',
        client_id: 'web',
        aud: testAudience,
        scope: 'orders:read orders:write',
        iat: nowS,
        exp: nowS + 3600,
      }
      return compactJws({ alg: 'ES256', typ: 'at+jwt', kid: key.kid }, { ...good, ...claims }, key)
    },
  }
  const provider = new Provider(url, configuration(self, key.privateJwk, actors))
  const verifyKey = await importJWK(key.publicJwk as Parameters<typeof importJWK>[0], 'ES256')

  const exchange = async (context: Context): Promise<void> => {
    const { params, client, provider: models } = context.oidc
    if (params['subject_token'] === undefined || params['subject_token_type'] !== tokenType) {
      throw new errors.InvalidRequest('subject_token or subject_token_type is missing')
    }
    const subject = await jwtVerify(params['subject_token'], verifyKey, { issuer: url }).catch(() => {
      throw new errors.InvalidRequest('subject_token is invalid')
    })
    const target = params['resource'] ?? params['audience'] ?? ''
    const allowed = scopesOf.get(target)
    if (allowed === undefined) throw new errors.InvalidTarget()
    const scopes = (params['scope'] ?? '').split(' ').filter((scope) => scope !== '')
    if (!scopes.every((scope) => allowed.split(' ').includes(scope)))
      throw new errors.InvalidScope('scope is not allowed', scopes.join(' '))
    const token = new models.AccessToken({ accountId: subject.payload.sub, client, gty: 'token_exchange' })
    token.resourceServer = resourceServer(self, target)
    token.scope = scopes.join(' ') || undefined
    const { act } = subject.payload as { act?: object }
    actors.set(token, { sub: client.clientId, ...(act !== undefined && !self.dropsActor && { act }) })
    const { actor_token: actor } = params
    if (actor !== undefined) actors.set(token, { sub: actor, ...(act !== undefined && { act }) })
    context.oidc.entity('AccessToken', token)
    context.body = {
      access_token: await token.save(),
      issued_token_type: tokenType,
      token_type: 'Bearer',
      expires_in: self.tokenS,
    }
  }
  const parameters = [
    'subject_token',
    'subject_token_type',
    'requested_token_type',
    'audience',
    'resource',
    'scope',
    'actor_token',
    'actor_token_type',
  ]
  provider.registerGrantType(grantType, exchange as never, parameters, ['audience', 'resource'])

  const callback = provider.callback()
  server.on('request', (request, response) => void reply(self, callback, request, response))
  atEnd(async () => {
    const closed = new Promise((done) => server.close(done))
    server.closeAllConnections()
    await closed
  })
  return self
}

/** Records a request to the token endpoint, and answers it by the script or else by the provider. */
async function reply(
  self: ExchangeProvider,
  callback: (request: IncomingMessage, response: ServerResponse) => void,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.url !== '/token') return callback(request, response)
  const form = new URLSearchParams(await peek(request))
  self.asked.push(form)
  const { held, silent, status, body, type = 'application/json', headers } = self.script?.(form, request) ?? {}
  if (silent === true) return
  await held
  if (status === undefined && body === undefined) {
    callback(request, response)
    return
  }
  response.writeHead(status ?? 200, { 'content-type': type, ...headers })
  response.end(body ?? '{}')
}

/** Reads the body of a request and puts it back, so that oidc-provider reads it again. */
async function peek(request: IncomingMessage): Promise<string> {
  const bytes = Number(request.headers['content-length'])
  for (;;) {
    const body = request.read(bytes) as Buffer | null
    if (body !== null) {
      request.unshift(body)
      return body.toString()
    }
    await once(request, 'readable')
  }
}

function resourceServer(self: ExchangeProvider, audience: string): object {
  return {
    audience,
    scope: scopesOf.get(audience) ?? '',
    accessTokenTTL: self.tokenS,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'ES256' } },
  }
}

function configuration(self: ExchangeProvider, privateJwk: object, actors: WeakMap<object, Claims>): object {
  const client = (client_id: string, client_secret: string, grant_types: readonly string[], scope?: string) => ({
    client_id,
    client_secret,
    grant_types,
    redirect_uris: [],
    id_token_signed_response_alg: 'ES256',
    response_types: [],
    ...(scope && { scope }),
  })
  return {
    jwks: { keys: [privateJwk] },
    clients: [
      client(exchangeClient.id, exchangeClient.secret, [grantType, 'client_credentials'], 'orders:read orders:write'),
      client('stranger', exchangeClient.secret, []),
      client('batch', serviceClients.batch, ['client_credentials'], 'orders:read orders:write'),
      client('reports', serviceClients.reports, ['client_credentials'], 'orders:read'),
    ],
    clientAuthMethods: ['client_secret_basic'],
    scopes: ['orders:read', 'orders:write'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => testAudience,
        getResourceServerInfo: (_: unknown, audience: string) => resourceServer(self, audience),
      },
    },
    findAccount: (_: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
    extraTokenClaims: (_: unknown, token: object) => {
      const act = actors.get(token)
      return act && { act }
    },
    ttl: { ClientCredentials: () => self.tokenS, AccessToken: () => self.tokenS },
  }
}
