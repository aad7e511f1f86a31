import { gateUrl, issuerUrl, type Ports } from './ports.ts'

/** The role that the issuer gives, in the claim `realm_access.roles`. The policy maps it to `manager`. */
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
export const clients: Readonly<Record<string, DemoClient>> = {
  reader: { scopes: read, roles: [], login: false },
  writer: { scopes: write, roles: [orderManager], login: false },
  clerk: { scopes: both, roles: [], login: false },
  ops: { scopes: admin, roles: [], login: false },
  web: { scopes: both, roles: [], login: true },
}

/** The client by which the gate logs browsers in. */
export const loginClient = 'web'

/** The client by which the gate asks the issuer about opaque tokens. It gets no token itself. */
export const introspectionClient = 'gatehouse'

export const clientSecret = (id: string): string => `${id}-secret`

/** Scopes of a login that are about the user, not about the API. */
export const loginScopes = ['openid', 'profile', 'email', 'offline_access'] as const

export const apiScopes: readonly string[] = [...both, ...admin]

/** What a token is for (RFC 8707), and the form that its access tokens have. */
export interface Resource {
  readonly audience: string
  readonly format: 'jwt' | 'opaque'
  readonly lifeS: number
}

/** Access tokens live ten minutes; a retired signing key stays published as long. */
export const tokenLifeS = 600

/** Longest wait for a token of the resource `brief` to be refused is this and the policy's clock tolerance. */
export const briefLifeS = 2

/** By resource indicator. The first is the gate, and the default. */
export function resourcesOf(ports: Ports): Readonly<Record<string, Resource>> {
  const gate = gateUrl(ports)
  return {
    [gate]: { audience: gate, format: 'jwt', lifeS: tokenLifeS },
    [`${gate}/opaque`]: { audience: gate, format: 'opaque', lifeS: tokenLifeS },
    [`${gate}/brief`]: { audience: gate, format: 'jwt', lifeS: briefLifeS },
    [foreignResource]: { audience: foreignResource, format: 'jwt', lifeS: tokenLifeS },
  }
}

/** An API that is not behind the gate: its tokens are good, but not here. */
export const foreignResource = 'https://other-api.example'

/** Where the issuer sends a browser back to: the gate's login, and the page that `demo token` reads. */
export function redirectUris(ports: Ports): readonly [gate: string, tool: string, alias: string] {
  const gate = gateUrl(ports)
  return [`${gate}/.gatehouse/callback`, `${issuerUrl(ports)}/demo/callback`, `${gate}/oauth2/callback`]
}
