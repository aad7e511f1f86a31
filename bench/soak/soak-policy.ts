import { grpcOrders, introspected, live, orders, pagesService, policyOf, roomyLimit } from '../harness/policy.ts'

/** Ports of the services that the policy of a soak names. */
export interface SoakServices {
  readonly http: number
  readonly grpc: number
}

type Entry = Readonly<Record<string, unknown>>

/** Time for which introspection results are cached, s. */
const CACHE_S = 10
/** Sessions end soon, so that their number in Redis becomes constant early. */
const login: Entry = { client_id: 'gate', session: { idle: '1m', absolute: '5m' } }

/**
 * Policy of a soak: JWTs, opaque tokens, sessions, WebSockets, event streams, uploads and gRPC calls, with leased and
 * exact limits.
 *
 * @param revision  number of the policy; policies with successive numbers differ
 */
export function soakPolicy(issuer: string, { http, grpc }: SoakServices, revision: number): Entry {
  const upstreams = [`http://127.0.0.1:${http}`]
  const services = {
    orders: { ...orders(http, [roomyLimit('leased')]), timeouts: { first_byte: `${30 + (revision % 2)}s` } },
    pages: pagesService(http, [roomyLimit('exact')]),
    live: live(http),
    streams: {
      upstreams,
      routes: [
        { id: 'events', match: { path: '/events' }, require: { scopes: { all: ['orders:read'] } } },
        { id: 'up', match: { path: '/up', methods: ['POST'] }, require: { scopes: { all: ['orders:write'] } } },
      ],
    },
    grpc: grpcOrders(grpc),
  }
  return policyOf(issuer, services, { ...introspected(CACHE_S), login })
}
