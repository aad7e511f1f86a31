import { clients } from './accounts.ts'

/** One row of the policy, as the tour demands it; the policy file itself is what is being checked, and not read. */
export interface TourRow {
  readonly title: string
  readonly service: 'orders' | 'reports' | 'files'
  readonly paths: readonly string[]
  readonly methods: readonly string[]
  readonly scope: string
  /** The client that is admitted. */
  readonly client: string
  /** Roles that the service learns of. */
  readonly roles: readonly string[]
}

export const rows: readonly TourRow[] = [
  {
    title: 'GET /orders/**',
    service: 'orders',
    paths: ['/orders', '/orders/', '/orders/1/lines/2'],
    methods: ['GET', 'HEAD'],
    scope: 'orders:read',
    client: 'reader',
    roles: [],
  },
  {
    title: 'POST, PUT, DELETE /orders/**',
    service: 'orders',
    paths: ['/orders/1'],
    methods: ['POST', 'PUT', 'DELETE'],
    scope: 'orders:write',
    client: 'writer',
    roles: ['manager'],
  },
  {
    title: 'GET /reports/**',
    service: 'reports',
    paths: ['/reports', '/reports/2026/q3'],
    methods: ['GET', 'HEAD'],
    scope: 'reports:read',
    client: 'reader',
    roles: [],
  },
  {
    title: 'GET, POST, PUT /files/**',
    service: 'files',
    paths: ['/files/report.pdf'],
    methods: ['GET', 'HEAD', 'POST', 'PUT'],
    scope: 'files:transfer',
    client: 'reader',
    roles: [],
  },
]

export const streamRow: TourRow = {
  title: 'GET /stream/events',
  service: 'files',
  paths: ['/stream/events'],
  methods: ['GET', 'HEAD'],
  scope: 'stream:read',
  client: 'reader',
  roles: [],
}

/** Every scope that a client can have but this one: what is refused then is refused for lack of it. */
export function scopesWithout(client: string, scope: string): string {
  return (clients[client]?.scopes ?? []).filter((other) => other !== scope).join(' ')
}

export const bodyOf = (method: string): Buffer | undefined =>
  method === 'GET' || method === 'HEAD' || method === 'DELETE' ? undefined : Buffer.from('{"item":"tea","cups":2}')
