import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startUpstream } from '../kit/upstream.ts'

interface PolicyOptions {
  readonly upstreams?: readonly string[]
  readonly scope?: string
  readonly main?: object
  readonly service?: object
  readonly routes?: readonly object[]
}

/**
 * Starts an issuer and two services, which stop after the last test of the file. `policy` returns a policy with one
 * service, whose route /orders requires a scope.
 */
export async function startPolicySwap() {
  const [issuer, first, second] = await Promise.all([startIssuer(), startUpstream(), startUpstream()])
  const policy = ({
    upstreams = [first.url],
    scope = 'orders:read',
    main,
    service,
    routes = [],
  }: PolicyOptions = {}) => ({
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: [testAudience], ...main } },
    services: {
      orders: {
        upstreams,
        ...service,
        routes: [{ id: 'orders', match: { path: '/orders/**' }, require: { scopes: { all: [scope] } } }, ...routes],
      },
    },
  })
  return { issuer, first, second, policy }
}

export const publicRoute = (id: string) => ({ id, match: { path: `/${id}` }, require: 'public' })
