import { testAudience } from '../../kit/issuer.ts'
import { loginClient } from '../../kit/login-provider.ts'

/** `clock_tolerance` of the issuer, ms. */
export const TOLERANCE_MS = 1000

/** Limits of the policy, by the first segment of the path. */
export const worldLimits = {
  exact: { requests: 6, windowMs: 2000 },
  leased: { requests: 20, windowMs: 2000 },
} as const

interface WorldPolicy {
  readonly issuer: string
  readonly services: readonly string[]
  /** Name of an additional route: a new name makes a new revision of the policy. */
  readonly revision?: string
}

/** The policy of the worlds. Each route has the id of the first segment of its path. */
export function worldPolicy({ issuer, services, revision = 'first' }: WorldPolicy): object {
  const scopes = { scopes: { all: ['orders:read'] } }
  const route = (id: string, require: unknown, more: object = {}) => ({
    id,
    match: { path: `/${id}/**` },
    require,
    ...more,
  })
  const limit = (id: 'exact' | 'leased') => {
    const { requests, windowMs } = worldLimits[id]
    return { limits: [{ name: id, by: 'subject', requests, window: `${windowMs}ms`, mode: id }] }
  }
  const client = { client_id: 'gatehouse', client_secret: { env: 'CHAOS_CLIENT_SECRET' } }
  return {
    version: 1,
    issuers: {
      main: {
        issuer,
        audience: [testAudience],
        tokens: 'any',
        clock_tolerance: `${TOLERANCE_MS}ms`,
        introspection: { ...client, cache: '2s', stale: '2s', timeout: '2s' },
        login: { ...client, client_id: loginClient.id, scopes: ['openid', 'orders:read'], timeout: '2s' },
      },
    },
    services: {
      orders: {
        upstreams: services,
        timeouts: { connect: '1s', first_byte: '2s', idle: '20s' },
        routes: [
          route('orders', scopes),
          route('audited', scopes, { audit: 'closed' }),
          route('public', 'public'),
          route('app', { session: 'main' }),
          route('exact', scopes, { ...limit('exact'), on_outage: { limits: 'closed' } }),
          route('leased', scopes, limit('leased')),
          route('events', scopes),
          route('live', scopes, { websocket: {} }),
          route(`revision-${revision}`, scopes),
        ],
      },
    },
  }
}
