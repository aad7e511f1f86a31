import { randomBytes } from 'node:crypto'
import type { IssuedToken } from 'oidc-provider'
import {
  apiScopes,
  clientSecret,
  demoClients,
  introspectionClient,
  loginScopes,
  operatorTokenLifeS,
  redirectUris,
  resourcesOf,
  users,
} from './accounts.ts'
import type { IssuerStore } from './issuer-store.ts'
import { errorPage, logoutPage } from './login-pages.ts'
import { gateUrl, type Ports } from './ports.ts'
import { errors } from './provider-package.ts'
import type { SigningKeys } from './signing-keys.ts'

const cookieKeys = [randomBytes(32).toString('base64url')]

interface Reply {
  type: string
  body: string
}

/** Configuration of oidc-provider: standard OAuth grants, few rules, all data in memory. */
export function issuerConfiguration(ports: Ports, keys: SigningKeys, store: IssuerStore): object {
  const resources = resourcesOf(ports)
  return {
    adapter: store.adapterFor,
    jwks: keys.jwks(),
    clients: [...Object.keys(demoClients).map((id) => clientMetadata(id, ports)), introspector],
    // All scopes are registered at the issuer. A client that requests a scope it is not allowed to use therefore
    // receives `invalid_scope`.
    scopes: [...loginScopes, ...apiScopes],
    claims: { openid: ['sub', 'sid', 'acr', 'auth_time'], profile: ['name'], email: ['email'] },
    conformIdTokenClaims: false,
    clockTolerance: 0,
    cookies: { keys: cookieKeys },
    clientBasedCORS: () => false,
    responseTypes: ['code'],
    pkce: { required: () => true },
    ttl: {
      AccessToken: lifeOf,
      ClientCredentials: lifeOf,
      AuthorizationCode: 60,
      Grant: 86_400,
      IdToken: 600,
      Interaction: 600,
      RefreshToken: 86_400,
      Session: 86_400,
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      backchannelLogout: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      rpInitiatedLogout: { enabled: true, logoutSource },
      revocation: {
        enabled: true,
        allowedPolicy: (_: unknown, client: { clientId: string }, token: IssuedToken) =>
          token.clientId === client.clientId,
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_: unknown, __: unknown, asked?: readonly string[]) => asked ?? gateUrl(ports),
        useGrantedResource: () => true,
        getResourceServerInfo: (_: unknown, indicator: string, client: { clientId: string }) => {
          const resource = Object.hasOwn(resources, indicator) ? resources[indicator] : undefined
          if (resource === undefined) throw new errors.InvalidTarget(`no such resource: ${indicator}`)
          return {
            scope: apiScopes.join(' '),
            audience: resource.audience,
            accessTokenFormat: resource.format,
            accessTokenTTL: client.clientId === 'ops' ? operatorTokenLifeS : resource.lifeS,
            // Access tokens of users are signed with RS256 and those of clients with ES256, so that the demo shows both
            // algorithms.
            jwt: { sign: { alg: demoClients[client.clientId]?.login ? 'RS256' : 'ES256' } },
          }
        },
      },
    },
    extraTokenClaims: (_: unknown, token: IssuedToken) => {
      const { roles } = (token.accountId === undefined ? demoClients[token.clientId] : users[token.accountId]) ?? {
        roles: [],
      }
      return roles.length === 0 ? undefined : { realm_access: { roles } }
    },
    issueRefreshToken: (_: unknown, client: { grantTypeAllowed(type: string): boolean }) =>
      client.grantTypeAllowed('refresh_token'),
    expiresWithSession: () => false,
    rotateRefreshToken: true,
    // Removes the option `dispatcher`: the dispatcher of oidc-provider blocks loopback addresses, but the gate of the
    // demo has a loopback address.
    fetch: (url: string, { dispatcher: _, ...wanted }: RequestInit & { dispatcher?: unknown }) => fetch(url, wanted),
    findAccount: (_: unknown, id: string) => account(id),
    interactions: { url: (_: unknown, interaction: { uid: string }) => `/login/${interaction.uid}` },
    renderError: (reply: Reply, out: { error: string; error_description?: string }) => {
      reply.type = 'html'
      reply.body = errorPage(out.error, out.error_description ?? '')
    },
  }
}

const introspector = {
  client_id: introspectionClient,
  client_secret: clientSecret(introspectionClient),
  grant_types: [],
  response_types: [],
  redirect_uris: [],
}

function clientMetadata(id: string, ports: Ports): object {
  const { scopes = [], login = false } = demoClients[id] ?? {}
  const grants = login ? ['authorization_code', 'refresh_token'] : ['client_credentials']
  return {
    client_id: id,
    client_secret: clientSecret(id),
    grant_types: grants,
    response_types: login ? ['code'] : [],
    redirect_uris: login ? redirectUris(ports) : [],
    ...(login && logoutMetadata(gateUrl(ports))),
    scope: [...(login ? loginScopes : []), ...scopes].join(' '),
  }
}

/** Client metadata for logouts: the redirect URI after a logout, and the gate's endpoint for back-channel logouts. */
function logoutMetadata(gate: string): object {
  return {
    post_logout_redirect_uris: [`${gate}/.gatehouse/logout`],
    backchannel_logout_uri: `${gate}/.gatehouse/backchannel-logout`,
    backchannel_logout_session_required: true,
  }
}

function logoutSource(reply: Reply, form: string): void {
  reply.type = 'html'
  reply.body = logoutPage(form)
}

function account(id: string): object | undefined {
  const user = Object.hasOwn(users, id) ? users[id] : undefined
  if (user === undefined) return undefined
  return { accountId: id, claims: () => ({ sub: id, name: user.name, email: `${id}@demo.example` }) }
}

function lifeOf(_: unknown, token: { resourceServer?: { accessTokenTTL?: number } }): number {
  return token.resourceServer?.accessTokenTTL ?? 600
}
