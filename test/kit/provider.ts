import { createServer } from 'node:http'
import { Provider } from 'oidc-provider'
import { atEnd } from './cleanup.ts'
import { testAudience } from './issuer.ts'
import { listen } from './ports.ts'
import { type SigningKey, signingKey } from './signing-key.ts'
import { defaultLimitMs } from './wire.ts'

interface ProviderClient {
  readonly id: string
  /** All scopes that the client is allowed to request, separated by spaces. */
  readonly scope: string
  /** Signature algorithm of the client's access tokens. */
  readonly alg: 'ES256' | 'RS256'
}

/**
 * A real authorization server (oidc-provider, which is used in production), so that the gate is not tested only with
 * fakes of this project.
 */
export interface TestProvider {
  /** The issuer identifier. */
  readonly url: string
  readonly keys: readonly SigningKey[]
  /**
   * Requests an access token (RFC 9068) by the client credentials grant.
   *
   * @param scope  default: all scopes of the client
   * @throws {Error} with the reply of the provider when it refuses
   */
  token(client: string, scope?: string): Promise<string>
  /** Requests an opaque access token by the client credentials grant. */
  opaqueToken(client: string, scope?: string): Promise<string>
  /** Revokes a token (RFC 7009) as the client to which it was issued. */
  revoke(client: string, token: string): Promise<void>
  /** Number of introspection requests so far. */
  readonly introspections: { count: number }
  stop(): Promise<void>
}

const clients: readonly ProviderClient[] = [
  { id: 'reader', scope: 'orders:read reports:read', alg: 'ES256' },
  { id: 'writer', scope: 'orders:read orders:write', alg: 'RS256' },
]
/** Clients that send introspection requests: `json` gets plain responses, `jwt` signed responses. */
export const introspectors = { json: 'gatehouse', jwt: 'gatehouse-signed' } as const
/** Resource whose access tokens are opaque. Their audience is `testAudience`, as for JWTs. */
const opaqueResource = `${testAudience}/opaque`

export const secretOf = (client: string) => `${client}-secret-for-tests-only`

/** Starts an oidc-provider, which stops after the last test of the file. */
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
