import { testAudience } from './issuer.ts'

type Entry = Readonly<Record<string, unknown>>

interface PolicyParts {
  /** The issuer identifier. */
  readonly issuer: string
  /** URL of the upstream of the service `orders`. */
  readonly orders: string
  /** As `orders`; left out, there is no such service. */
  readonly reports?: string
  /** Laid over the entry of the issuer `main`, of the services. */
  readonly main?: Entry
  readonly ordersEntry?: Entry
}

/**
 * The policy that most tests need: one issuer, `main`; service `orders`, where reading takes `orders:read`, writing
 * `orders:write`, and /public is public; service `reports`, which takes `reports:read`.
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
