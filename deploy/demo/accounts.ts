import { gateUrl, issuerUrl, type Ports } from './ports.ts'

/** Value of the claim `realm_access.roles` for which the demo policy assigns the role `manager`. */
const orderManager = 'order-manager'

/** Users of the demo issuer, by user name. The login page asks for no password. */
export const users: Readonly<Record<string, { readonly name: string; readonly roles: readonly string[] }>> = {
  alice: { name: 'Alice', roles: [orderManager] },
  bob: { name: 'Bob', roles: [] },
}

interface DemoClient {
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  /**
   * True: the client logs users in (authorization code with PKCE, refresh token). False: the client requests tokens for
   * itself (client credentials).
   */
  readonly login: boolean
}

const read = ['orders:read', 'reports:read', 'files:transfer', 'stream:read']
const write = ['orders:read', 'orders:write']
const both = [...new Set([...read, ...write])]
const admin = ['read', 'revoke', 'limits', 'sessions', 'audit', 'policy', 'admin'].map((verb) => `gatehouse:${verb}`)

/** Clients of the demo issuer, by client id. The secret of each client is `<id>-secret`. */
export const demoClients: Readonly<Record<string, DemoClient>> = {
  reader: { scopes: read, roles: [], login: false },
  writer: { scopes: write, roles: [orderManager], login: false },
  clerk: { scopes: both, roles: [], login: false },
  ops: { scopes: admin, roles: [], login: false },
  web: { scopes: both, roles: [], login: true },
}

/** Client that the gate uses for logins of browsers. */
export const loginClient = 'web'

/** Client that the gate uses for introspection. The issuer grants this client no tokens. */
export const introspectionClient = 'gatehouse'

export const clientSecret = (id: string): string => `${id}-secret`

/** Scopes of a login that are about the user, not about access to the API. */
export const loginScopes = ['openid', 'profile', 'email', 'offline_access'] as const

export const apiScopes: readonly string[] = [...both, ...admin]

/** Protected resource (RFC 8707) of the demo issuer, with the form of the access tokens for it. */
export interface Resource {
  readonly audience: string
  readonly format: 'jwt' | 'opaque'
  readonly lifeS: number
}

/** Lifetime of access tokens, s. The issuer also publishes a retired signing key for this time. */
export const tokenLifeS = 600

/** Lifetime of access tokens of the client `ops`, s: a session of the console, which has such a token, lasts as long. */
export const operatorTokenLifeS = 8 * 3600

/**
 * Resources of the demo issuer by resource indicator (RFC 8707). The first resource is the gate; it is also the
 * default.
 */
export function resourcesOf(ports: Ports): Readonly<Record<string, Resource>> {
  const gate = gateUrl(ports)
  return {
    [gate]: { audience: gate, format: 'jwt', lifeS: tokenLifeS },
    [`${gate}/opaque`]: { audience: gate, format: 'opaque', lifeS: tokenLifeS },
    [foreignResource]: { audience: foreignResource, format: 'jwt', lifeS: tokenLifeS },
  }
}

/**
 * Resource indicator of an API that is not behind the gate. The gate rejects tokens for this API because of their
 * audience.
 */
const foreignResource = 'https://other-api.example'

/**
 * Redirect URIs of login clients. `gate`: callback of the gate. `tool`: address at which `demo token` receives the
 * code. `alias`: callback path of oauth2-proxy at the gate.
 */
export function redirectUris(ports: Ports): readonly [gate: string, tool: string, alias: string] {
  const gate = gateUrl(ports)
  return [`${gate}/.gatehouse/callback`, `${issuerUrl(ports)}/demo/callback`, `${gate}/oauth2/callback`]
}
