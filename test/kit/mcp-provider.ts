import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { interactionPolicy, Provider } from 'oidc-provider'
import { atEnd } from './cleanup.ts'
import { listen } from './ports.ts'
import { signingKey } from './signing-key.ts'

/** Scopes of the MCP server. Its route requires the first. */
export const mcpScopes = ['mcp:tools', 'mcp:list'] as const

/** A client that is registered by the operator of the issuer. */
export const knownMcpClient = 'known-client'

interface GrantModel {
  addResourceScope(resource: string, scope: string): void
  save(): Promise<string>
}

interface Context {
  readonly oidc: {
    readonly session: { readonly accountId: string }
    readonly client: { readonly clientId: string }
    readonly provider: Provider & { readonly Grant: new (values: object) => GrantModel }
  }
}

/**
 * Starts a real authorization server (oidc-provider) for MCP clients: public clients register themselves (RFC 7591), use
 * PKCE, and get JWT access tokens for `resource` (RFC 8707). It stops after the last test of the file.
 *
 * @param resource  the only resource for which tokens are issued
 * @param redirectUrl  redirect URI of the known client
 * @returns the issuer identifier
 */
export async function startMcpProvider(resource: string, redirectUrl: string): Promise<string> {
  const server = createServer()
  const url = `http://127.0.0.1:${await listen(server)}`
  const provider = new Provider(url, configuration(resource, redirectUrl))
  const callback = provider.callback()
  server.on('request', (request, response) => {
    if (!request.url!.startsWith('/login/')) return callback(request, response)
    void logIn(provider, request, response).catch((error) => response.writeHead(400).end(String(error)))
  })
  atEnd(async () => {
    const closed = new Promise((done) => server.close(done))
    server.closeAllConnections()
    await closed
  })
  return url
}

/** Logs the user in whom the parameter `login_hint` names, without a password. */
async function logIn(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { params } = await provider.interactionDetails(request, response)
  const login = { accountId: String(params['login_hint']) }
  await provider.interactionFinished(request, response, { login }, { mergeWithLastSubmission: false })
}

function configuration(resource: string, redirectUrl: string): object {
  const policy = interactionPolicy.base()
  // Without this prompt, users are not asked for consent: `loadExistingGrant` grants the scopes.
  policy.remove('consent')
  return {
    jwks: { keys: [signingKey('ES256').privateJwk] },
    clients: [
      {
        client_id: knownMcpClient,
        token_endpoint_auth_method: 'none',
        redirect_uris: [redirectUrl],
        scope: mcpScopes.join(' '),
      },
    ],
    clientAuthMethods: ['none'],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    pkce: { required: () => true },
    scopes: mcpScopes,
    features: {
      devInteractions: { enabled: false },
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_: unknown, asked: string) => {
          if (asked !== resource) throw new Error(`unknown resource ${asked}`)
          return {
            scope: mcpScopes.join(' '),
            audience: resource,
            accessTokenTTL: 300,
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: 'ES256' } },
          }
        },
      },
    },
    findAccount: (_: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (_: unknown, { uid }: { uid: string }) => `/login/${uid}`, policy },
    loadExistingGrant: async ({ oidc }: Context) => {
      const { session, client, provider } = oidc
      const grant = new provider.Grant({ accountId: session.accountId, clientId: client.clientId })
      grant.addResourceScope(resource, mcpScopes.join(' '))
      await grant.save()
      return grant
    },
    ttl: { AccessToken: 300, AuthorizationCode: 60, Grant: 600, Session: 600, Interaction: 600 },
    cookies: { keys: ['for-tests-only'] },
  }
}
