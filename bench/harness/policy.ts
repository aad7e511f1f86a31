import { priorities } from '../../gateway/base/priority.ts'
import { AUDIENCE } from './tokens.ts'

type Entry = Readonly<Record<string, unknown>>

/** Builds the policy document of a bench: one issuer with the name `main`, and the given services. */
export function policyOf(issuer: string, services: Entry, main: Entry = {}): Entry {
  return { version: 1, issuers: { main: { issuer, audience: [AUDIENCE], ...main } }, services }
}

/**
 * Settings of the issuer in the policy that allow opaque tokens and JWTs. The results of introspection are cached for
 * `cacheS` seconds. The node needs Redis and a sealing key.
 */
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

/** Settings of the issuer in the policy that enable browser logins. The node needs Redis and an encryption key. */
export const withLogin: Entry = { login: { client_id: 'gate' } }

const roles: Entry = { manager: { claim: 'realm_access.roles', any: ['order-manager'] } }
const demands: readonly Entry[] = [{ scopes: { all: ['orders:read'] } }, { roles: { any: ['manager'] } }]

/**
 * Service with a route that has all requirements of a typical request (the hot path), a route with an admin scope, and
 * a public route.
 */
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

/** Service like `orders`, with a route for each priority: `/critical/**`, `/default/**` and `/batch/**`. */
export function byPriority(upstreamPort: number): Entry {
  return {
    upstreams: [`http://127.0.0.1:${upstreamPort}`],
    roles,
    routes: priorities.map((priority) => ({ ...hotRoute(priority, `/${priority}/**`, demands, []), priority })),
  }
}

/** Service like `orders`, but its route requires a login session. */
export function pagesService(upstreamPort: number, limits: readonly Entry[] = []): Entry {
  return {
    upstreams: [`http://127.0.0.1:${upstreamPort}`],
    roles,
    routes: [hotRoute('pages.read', '/pages/**', [{ session: 'main' }, ...demands], limits)],
  }
}

/** Service like `orders` for WebSockets at `/live/**`. */
export function live(servicePort: number, limits: readonly Entry[] = []): Entry {
  return {
    upstreams: [`http://127.0.0.1:${servicePort}`],
    max_calls: 20_000,
    roles,
    routes: [{ ...hotRoute('live', '/live/**', demands, limits), websocket: {} }],
  }
}

/** Service like `orders` with the gRPC service `bench.Orders`. */
export function grpcOrders(servicePort: number, limits: readonly Entry[] = []): Entry {
  return {
    upstreams: [`http://127.0.0.1:${servicePort}`],
    protocol: 'h2c',
    roles,
    routes: [{ ...hotRoute('orders.call', '', demands, limits), match: { grpc: 'bench.Orders/*' } }],
  }
}

function hotRoute(id: string, path: string, all: readonly Entry[], limits: readonly Entry[]): Entry {
  return {
    id,
    match: { path, methods: ['GET', 'POST'] },
    require: { all },
    addresses: { allow: ['127.0.0.0/8'] },
    limits,
  }
}

/** Service for large bodies at this port, with no size limit for uploads. */
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

/** Rate limit that no run reaches: measures the cost of counting requests. */
export function roomyLimit(mode: 'leased' | 'exact', by: 'subject' | 'route' = 'subject'): Entry {
  return { name: 'many', by, requests: 1_000_000_000, window: '10s', mode }
}
