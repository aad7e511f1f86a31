import { gateUrl, issuerUrl, type Ports } from './ports.ts'

/** Role in the issuer's claim `realm_access.roles`. The policy maps this role to `manager`. */
const orderManager = 'order-manager'

/** Users who can log in; no password is asked. */
export const users: Readonly<Record<string, { readonly name: string; readonly roles: readonly string[] }>> = {
  alice: { name: 'Alice', roles: [orderManager] },
  bob: { name: 'Bob', roles: [] },
}

interface DemoClient {
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  /** Logs users in (authorization code with PKCE, refresh) instead of acting for itself (client credentials). */
  readonly login: boolean
}

const read = ['orders:read', 'reports:read', 'files:transfer', 'stream:read']
const write = ['orders:read', 'orders:write']
const both = [...new Set([...read, ...write])]
const admin = ['read', 'revoke', 'limits', 'sessions', 'audit', 'policy', 'admin'].map((verb) => `gatehouse:${verb}`)

/** Clients of the demo issuer; the secret of each is `<id>-secret`. */
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

/** Scopes of a login that concern the user, not the API. */
export const loginScopes = ['openid', 'profile', 'email', 'offline_access'] as const

export const apiScopes: readonly string[] = [...both, ...admin]

/** A resource (RFC 8707), and the form of its access tokens. */
export interface Resource {
  readonly audience: string
  readonly format: 'jwt' | 'opaque'
  readonly lifeS: number
}

/** Lifetime of access tokens, s. A retired signing key stays published for the same time. */
export const tokenLifeS = 600

/** Lifetime of tokens of the resource `brief`, s. The gate rejects them after this time plus the policy's clock tolerance. */
export const briefLifeS = 2

/** Resources by resource indicator. The first one, the gate, is the default. */
export function resourcesOf(ports: Ports): Readonly<Record<string, Resource>> {
  const gate = gateUrl(ports)
  return {
    [gate]: { audience: gate, format: 'jwt', lifeS: tokenLifeS },
    [`${gate}/opaque`]: { audience: gate, format: 'opaque', lifeS: tokenLifeS },
    [`${gate}/brief`]: { audience: gate, format: 'jwt', lifeS: briefLifeS },
    [foreignResource]: { audience: foreignResource, format: 'jwt', lifeS: tokenLifeS },
  }
}

/** An API that is not behind the gate: the gate rejects its tokens because of their audience. */
export const foreignResource = 'https://other-api.example'

/** Redirect URIs: the login of the gate, and the address that `demo token` reads the code from. */
export function redirectUris(ports: Ports): readonly [gate: string, tool: string, alias: string] {
  const gate = gateUrl(ports)
  return [`${gate}/.gatehouse/callback`, `${issuerUrl(ports)}/demo/callback`, `${gate}/oauth2/callback`]
}
