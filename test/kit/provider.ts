import { createServer } from 'node:http'
import { Provider } from 'oidc-provider'
import { atEnd } from './cleanup.ts'
import { testAudience } from './issuer.ts'
import { listen } from './ports.ts'
import { type SigningKey, signingKey } from './signing-key.ts'
import { defaultLimitMs } from './wire.ts'

interface ProviderClient {
  readonly id: string
  /** All that it may ask for, separated by spaces. */
  readonly scope: string
  /** How its access tokens are signed. */
  readonly alg: 'ES256' | 'RS256'
}

/** An authorization server that many people run in production, so that the gate is not tested by our own idea of one. */
export interface TestProvider {
  /** The issuer identifier. */
  readonly url: string
  readonly keys: readonly SigningKey[]
  /**
   * An access token (RFC 9068) by the client credentials grant.
   *
   * @param scope  default: all that the client may ask for
   * @throws {Error} with what the provider answered, when it refuses
   */
  token(client: string, scope?: string): Promise<string>
  /** The same, of the kind that says nothing of itself. */
  opaqueToken(client: string, scope?: string): Promise<string>
  /** RFC 7009, by the client that the token was issued to. */
  revoke(client: string, token: string): Promise<void>
  /** How often it was asked about a token. */
  readonly introspections: { count: number }
  stop(): Promise<void>
}

const clients: readonly ProviderClient[] = [
  { id: 'reader', scope: 'orders:read reports:read', alg: 'ES256' },
  { id: 'writer', scope: 'orders:read orders:write', alg: 'RS256' },
]
/** A client that may ask about tokens, with plain and with signed answers. */
export const introspectors = { json: 'gatehouse', jwt: 'gatehouse-signed' } as const
/** The resource whose tokens are opaque. Their audience is that of all. */
const opaqueResource = `${testAudience}/opaque`

export const secretOf = (client: string) => `${client}-secret-for-tests-only`

/** Starts an oidc-provider, which stops when the file's tests are over. */
export async function startProvider(): Promise<TestProvider> {
  const server = createServer()
  const url = `http://127.0.0.1:${await listen(server)}`
  const keys = [signingKey('ES256'), signingKey('RS256')]
  const provider = new Provider(url, configuration(keys))
  const introspections = { count: 0 }
  const callback = provider.callback()
  server.on('request', (request, response) => {
    if (request.url === '/token/introspection') introspections.count++
    callback(request, response)
  })

  const stop = async () => {
    const closed = new Promise((done) => server.close(done))
    server.closeAllConnections()
    await closed
  }
  atEnd(stop)

  const post = (path: string, client: string, form: Record<string, string>) =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${client}:${secretOf(client)}`)}` },
      body: new URLSearchParams(form),
      signal: AbortSignal.timeout(defaultLimitMs),
    })
  const tokenFor = (resource: string) => {
    return async (client: string, scope = clients.find(({ id }) => id === client)?.scope ?? '') => {
      const reply = await post('/token', client, { grant_type: 'client_credentials', resource, scope })
      const answer = (await reply.json()) as { access_token?: string }
      if (answer.access_token === undefined) throw new Error(`no token: ${reply.status} ${JSON.stringify(answer)}`)
      return answer.access_token
    }
  }
  const revoke = async (client: string, token: string) => {
    const { status } = await post('/token/revocation', client, { token })
    if (status !== 200) throw new Error(`not revoked: ${status}`)
  }
  const [token, opaqueToken] = [tokenFor(testAudience), tokenFor(opaqueResource)]
  return { url, keys, token, opaqueToken, revoke, introspections, stop }
}

function configuration(keys: readonly SigningKey[]): object {
  return {
    jwks: { keys: keys.map(({ privateJwk }) => privateJwk) },
    clients: [
      ...clients.map(({ id, scope }) => ({ ...metadataOf(id), grant_types: ['client_credentials'], scope })),
      metadataOf(introspectors.json),
      { ...metadataOf(introspectors.jwt), introspection_signed_response_alg: 'ES256' },
    ],
    clientAuthMethods: ['client_secret_basic'],
    enabledJWA: { idTokenSigningAlgValues: ['ES256', 'RS256'] },
    scopes: [...new Set(clients.flatMap(({ scope }) => scope.split(' ')))],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      jwtIntrospection: { enabled: true },
      revocation: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context: unknown, audience: string, { clientId }: { clientId: string }) => {
          const client = clients.find(({ id }) => id === clientId)!
          return {
            audience: testAudience,
            scope: client.scope,
            accessTokenTTL: 300,
            accessTokenFormat: audience === opaqueResource ? 'opaque' : 'jwt',
            jwt: { sign: { alg: client.alg } },
          }
        },
      },
    },
    ttl: { ClientCredentials: 300 },
  }
}

function metadataOf(id: string): object {
  return { client_id: id, client_secret: secretOf(id), grant_types: [], redirect_uris: [], response_types: [] }
}
