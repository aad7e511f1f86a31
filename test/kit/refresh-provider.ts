import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Provider } from 'oidc-provider'
import { atEnd } from './cleanup.ts'
import { listen } from './ports.ts'
import { signingKey } from './signing-key.ts'

/** The OAuth client to which the sessions belong. */
export const sessionClient = { id: 'web', secret: 'web-secret-for-tests-only' } as const

/**
 * A real authorization server (oidc-provider) that rotates refresh tokens. When a refresh token is used a second time,
 * the server revokes the whole grant.
 */
export interface RefreshProvider {
  /** The issuer identifier. */
  readonly url: string
  readonly tokenUrl: string
  /** Delay of the token endpoint, ms. A request whose client disconnects during the delay is discarded. */
  delayMs: number
  /**
   * Promise for which the token endpoint waits before it replies, in addition to `delayMs`. Applies to requests that
   * arrive after it was set.
   */
  held: Promise<unknown> | undefined
  /** Lifetime of the next access tokens, s. */
  accessTokenS: number
  /** While true, the token endpoint replies 503 without a body. */
  down: boolean
  /** Number of requests to the token endpoint, of successful grants, and of refused grants. */
  readonly calls: { asked: number; granted: number; refused: number }
  /** Creates a refresh token as a login does. */
  refreshToken(accountId?: string): Promise<string>
  stop(): Promise<void>
}

/** Types of oidc-provider that are missing in its type declarations. */
interface ProviderModels {
  readonly RefreshToken: new (members: object) => { save(): Promise<string> }
  readonly Client: { find(id: string): Promise<object | undefined> }
}

export async function startRefreshProvider(): Promise<RefreshProvider> {
  const server = createServer()
  const url = `http://127.0.0.1:${await listen(server)}`
  const calls = { asked: 0, granted: 0, refused: 0 }
  const provider = new Provider(url, {
    jwks: { keys: [signingKey('RS256').privateJwk] },
    clients: [
      {
        client_id: sessionClient.id,
        client_secret: sessionClient.secret,
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: ['https://gate.test/.gatehouse/callback'],
        response_types: ['code'],
      },
    ],
    clientAuthMethods: ['client_secret_basic'],
    features: { devInteractions: { enabled: false } },
    findAccount: (_context: unknown, sub: string) => ({ accountId: sub, claims: () => ({ sub }) }),
    rotateRefreshToken: true,
    ttl: { AccessToken: () => self.accessTokenS, RefreshToken: 86_400, Grant: 86_400, IdToken: 3600 },
  } as object)
  provider.on('grant.success', () => calls.granted++)
  provider.on('grant.error', () => calls.refused++)
  const callback = provider.callback()
  server.on('request', async (request: IncomingMessage, response) => {
    if (request.url === '/token') {
      calls.asked++
      if (self.down) return void response.writeHead(503).end()
      await Promise.race([Promise.all([self.held, sleep(self.delayMs)]), once(response, 'close')])
      if (request.socket.destroyed) return
    }
    callback(request, response)
  })
  const stop = async () => {
    const closed = new Promise((done) => server.close(done))
    server.closeAllConnections()
    await closed
  }
  atEnd(stop)

  const refreshToken = async (accountId = 'alice') => {
    const grant = new provider.Grant({ accountId, clientId: sessionClient.id })
    grant.addOIDCScope('openid offline_access')
    const grantId = await grant.save()
    const { RefreshToken, Client } = provider as unknown as ProviderModels
    const token = new RefreshToken({
      accountId,
      client: await Client.find(sessionClient.id),
      grantId,
      gty: 'authorization_code',
      scope: 'openid offline_access',
      authTime: Math.floor(Date.now() / 1000),
    })
    return token.save()
  }
  const self: RefreshProvider = {
    url,
    tokenUrl: `${url}/token`,
    delayMs: 0,
    held: undefined,
    accessTokenS: 600,
    down: false,
    calls,
    refreshToken,
    stop,
  }
  return self
}
