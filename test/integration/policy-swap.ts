import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startUpstream } from '../kit/upstream.ts'

export const [issuer, first, second] = await Promise.all([startIssuer(), startUpstream(), startUpstream()])

interface PolicyOptions {
  readonly upstreams?: readonly string[]
  readonly scope?: string
  readonly main?: object
  readonly service?: object
  readonly routes?: readonly object[]
}

/** Returns a policy with one service, whose route /orders requires a scope. */
export function policy({
  upstreams = [first.url],
  scope = 'orders:read',
  main,
  service,
  routes = [],
}: PolicyOptions = {}) {
  return {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: [testAudience], ...main } },
    services: {
      orders: {
        upstreams,
        ...service,
        routes: [{ id: 'orders', match: { path: '/orders/**' }, require: { scopes: { all: [scope] } } }, ...routes],
      },
    },
  }
}

export const publicRoute = (id: string) => ({ id, match: { path: `/${id}` }, require: 'public' })
