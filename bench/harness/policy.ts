import { AUDIENCE } from './tokens.ts'

type Entry = Readonly<Record<string, unknown>>

/** The policy document of a bench: one issuer, `main`, and these services. */
export function policyOf(issuer: string, services: Entry, main: Entry = {}): Entry {
  return { version: 1, issuers: { main: { issuer, audience: [AUDIENCE], ...main } }, services }
}

/** Override of the issuer: opaque tokens in addition to JWTs, with this cache time. Needs Redis and `sealing`. */
export function introspected(cacheS: number): Entry {
  return {
    tokens: 'any',
    introspection: {
      client_id: 'gate',
      client_secret: { file: 'encryption.key' },
      cache: `${cacheS}s`,
      rate: 10_000,
    },
  }
}

/** Override of the issuer: browser logins. Needs Redis and `encryption`. */
export const withLogin: Entry = { login: { client_id: 'gate' } }

const roles: Entry = { manager: { claim: 'realm_access.roles', any: ['order-manager'] } }
const demands: readonly Entry[] = [{ scopes: { all: ['orders:read'] } }, { roles: { any: ['manager'] } }]

/** The service of the hot path: a route with all requirements of a typical request, and a public route. */
export function orders(upstreamPort: number, limits: readonly Entry[] = []): Entry {
  return {
    upstreams: [`http://127.0.0.1:${upstreamPort}`],
    roles,
    routes: [
      hotRoute('orders.read', '/orders/**', demands, limits),
      { id: 'admin.read', match: { path: '/admin/**' }, require: { scopes: { all: ['admin:read'] } } },
      { id: 'open', match: { path: '/open/**' }, require: 'public' },
    ],
  }
}

/** The same service for users with a login session. */
export function pagesService(upstreamPort: number, limits: readonly Entry[] = []): Entry {
  return {
    upstreams: [`http://127.0.0.1:${upstreamPort}`],
    roles,
    routes: [hotRoute('pages.read', '/pages/**', [{ session: 'main' }, ...demands], limits)],
  }
}

function hotRoute(id: string, path: string, all: readonly Entry[], limits: readonly Entry[]): Entry {
  return { id, match: { path, methods: ['GET'] }, require: { all }, addresses: { allow: ['127.0.0.0/8'] }, limits }
}

/** A service on this port for bodies of any size. */
export function bodies(servicePort: number): Entry {
  return {
    upstreams: [`http://127.0.0.1:${servicePort}`],
    routes: [
      { id: 'down', match: { path: '/down/**' }, require: 'public' },
      { id: 'up', match: { path: '/up/**' }, require: 'public', body: { max: 'none' } },
      { id: 'orders', match: { path: '/orders/**' }, require: { scopes: { all: ['orders:read'] } } },
    ],
  }
}

/** A limit that is never reached, to measure its cost. */
export function roomyLimit(mode: 'leased' | 'exact', by: 'subject' | 'route' = 'subject'): Entry {
  return { name: 'many', by, requests: 1_000_000_000, window: '10s', mode }
}
