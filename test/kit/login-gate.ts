import { randomBytes } from 'node:crypto'
import type { HttpBrowser, Page } from './http-browser.ts'
import { type LoginProvider, loginClient, startLoginProvider } from './login-provider.ts'
import { startNode } from './node.ts'
import { testPolicy } from './policy.ts'
import { freePort } from './ports.ts'
import { testRedis } from './redis.ts'
import type { NodeOptions, TestNode } from './test-node.ts'
import { startUpstream, type TestUpstream } from './upstream.ts'

export const loginSecrets = {
  TEST_ENCRYPTION_KEY: randomBytes(32).toString('base64url'),
  TEST_LOGIN_SECRET: loginClient.secret,
}

interface LoginNodeParts {
  readonly issuer: string
  readonly orders: string
  readonly reports?: string
  readonly redisPort: number
  /** Port of the data plane; the redirect URIs contain it. */
  readonly port: number
  /** `login` overrides the login of the issuer, `main` the issuer, `settings` the settings of the node. */
  readonly login?: Readonly<Record<string, unknown>>
  readonly main?: Readonly<Record<string, unknown>>
  readonly settings?: Readonly<Record<string, unknown>>
  /** Additional environment variables of the node. */
  readonly env?: Readonly<Record<string, string>>
  /** Additional routes of the service `orders`. */
  readonly routes?: readonly object[]
}

/**
 * Options of a node at which browsers log in. Routes of the service orders: `/app/**` requires a session, `/strong/**`
 * a session with `acr` `urn:strong`, `/recent/**` a login at most 60 s ago, `/either/**` a session or a token.
 * `/reports/**` belongs to the service reports.
 */
export function loginNode(parts: LoginNodeParts): NodeOptions {
  const { issuer, orders, reports, redisPort, port, login, main, settings, env, routes = [] } = parts
  const session = { session: 'main' }
  const route = (id: string, require: object, methods?: string[]) => ({
    id,
    match: { path: `/${id}/**`, ...(methods && { methods }) },
    require,
  })
  const policy = testPolicy({
    issuer,
    orders,
    main: {
      ...main,
      login: {
        client_id: loginClient.id,
        client_secret: { env: 'TEST_LOGIN_SECRET' },
        scopes: ['openid', 'profile', 'email', 'orders:read'],
        ...login,
      },
    },
    ordersEntry: {
      routes: [
        route('app', session),
        route('strong', { all: [session, { acr: ['urn:strong'] }] }),
        route('recent', { all: [session, { max_age: '60s' }] }),
        route('either', { any: [session, { scopes: { all: ['orders:read'] } }] }),
        route('scoped', { all: [session, { scopes: { all: ['orders:read'] } }] }),
        route('orders', { scopes: { all: ['orders:read'] } }),
        { id: 'public', match: { path: '/public/**' }, require: 'public' },
        ...routes,
      ],
    },
  }) as { services: Record<string, unknown> }
  if (reports !== undefined) {
    const routes = [route('reports', session)]
    policy.services['reports'] = { upstreams: [reports], credentials: 'token', routes }
  }
  return {
    policy,
    settings: {
      // Several nodes can share one Redis, so the id contains the port of the node.
      node: { id: `at-${port}` },
      listen: `127.0.0.1:${port}`,
      reuse_port: true,
      public_url: `http://127.0.0.1:${port}`,
      keys: {
        assertion: [{ id: 'test-1', secret: { file: 'assertion.jwk' } }],
        encryption: [{ id: 'seal-1', secret: { env: 'TEST_ENCRYPTION_KEY' } }],
      },
      redis: { url: `redis://127.0.0.1:${redisPort}` },
      ...settings,
    },
    env: { ...loginSecrets, ...env },
  }
}

export interface LoginGate {
  readonly url: string
  readonly node: TestNode
  readonly provider: LoginProvider
  readonly orders: TestUpstream
  readonly reports: TestUpstream
  readonly redisPort: number
  readonly options: NodeOptions
}

/** A gate, a real authorization server, two services, and a Redis. */
export async function startLoginGate(
  parts: Partial<LoginNodeParts> & { readonly pushedRequests?: boolean } = {},
): Promise<LoginGate> {
  const port = freePort()
  const [redis, orders, reports] = await Promise.all([testRedis(), startUpstream(), startUpstream()])
  const url = `http://127.0.0.1:${port}`
  const provider = await startLoginProvider({ gate: url, pushedRequests: parts.pushedRequests ?? false })
  const options = loginNode({
    issuer: provider.url,
    orders: orders.url,
    reports: reports.url,
    redisPort: redis.port,
    port,
    ...parts,
  })
  const node = await startNode(options)
  return { url, node, provider, orders, reports, redisPort: redis.port, options }
}

/** Opens `url`, logs in when the issuer shows its login form, and returns the page after it. */
export async function logIn(browser: HttpBrowser, url: string, user = 'alice'): Promise<Page> {
  const page = await browser.visit(url)
  return page.body.includes('name="user"') ? browser.submit(page, { user }) : page
}
