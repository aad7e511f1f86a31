import { testAudience } from './issuer.ts'

type Entry = Readonly<Record<string, unknown>>

interface PolicyParts {
  /** The issuer identifier. */
  readonly issuer: string
  /** URL of the upstream of the service `orders`. */
  readonly orders: string
  /** URL of the upstream of the service `reports`. Left out: the policy has no such service. */
  readonly reports?: string
  /** Entries that override those of the issuer `main`; `ordersEntry` overrides those of the service `orders`. */
  readonly main?: Entry
  readonly ordersEntry?: Entry
}

/**
 * The policy that most tests use. It has one issuer, `main`. The service `orders` requires `orders:read` for reads and
 * `orders:write` for writes; /public is public. The service `reports` requires `reports:read`.
 */
export function testPolicy({ issuer, orders, reports, main, ordersEntry }: PolicyParts): object {
  const ordersService = {
    upstreams: [orders],
    routes: [
      { id: 'orders.read', match: { path: '/orders/**', methods: ['GET'] }, require: scope('orders:read') },
      {
        id: 'orders.write',
        match: { path: '/orders/**', methods: ['POST', 'PUT', 'PATCH', 'DELETE'] },
        require: scope('orders:write'),
      },
      { id: 'orders.public', match: { path: '/public/**' }, require: 'public' },
    ],
    ...ordersEntry,
  }
  const reportsService = {
    upstreams: [reports],
    routes: [{ id: 'reports.read', match: { path: '/reports/**', methods: ['GET'] }, require: scope('reports:read') }],
  }
  return {
    version: 1,
    issuers: { main: { issuer, audience: [testAudience], ...main } },
    services: { orders: ordersService, ...(reports === undefined ? {} : { reports: reportsService }) },
  }
}

const scope = (name: string) => ({ scopes: { all: [name] } })
