import { certificateFor } from './certificate.ts'
import { atEnd } from './cleanup.ts'
import { loginNode } from './login-gate.ts'
import { type LoginProvider, startLoginProvider } from './login-provider.ts'
import { startNode } from './node.ts'
import { NodeFolder } from './node-folder.ts'
import { freePort } from './ports.ts'
import { testRedis } from './redis.ts'
import type { NodeOptions, TestNode } from './test-node.ts'
import { startUpstream, type TestUpstream } from './upstream.ts'

/** A gate at which the hosts shop, wiki and mail share one login at the host auth. */
export interface SharedLoginGate {
  /** Origin of a host. @param name  first label of the host */
  readonly at: (name: string) => string
  /** Name of a host, without a port. */
  readonly hostOf: (name: string) => string
  readonly node: TestNode
  readonly options: NodeOptions
  readonly provider: LoginProvider
  readonly orders: TestUpstream
  readonly redisPort: number
}

interface SharedLoginOptions {
  /** True: https below `gate.test`, with `__Host-` cookies. False: http below `localhost`. */
  readonly secure?: boolean
  /** Port of the node. */
  readonly port?: number
  /** Port at which browsers reach the hosts: that of a proxy. Default: the port of the node. */
  readonly publicPort?: number
  readonly login?: Readonly<Record<string, unknown>>
  readonly settings?: Readonly<Record<string, unknown>>
}

/**
 * Starts a gate whose policy has `login.host` and `login.return_to`. Routes: `/**` of the hosts shop, wiki and mail
 * requires a session, `/strong/**` of the host shop also `acr` `urn:strong`. The host open has only a public route.
 * `/app/**`, without a host, requires a session too.
 */
export async function startSharedLoginGate(options: SharedLoginOptions = {}): Promise<SharedLoginGate> {
  const { secure = false, login, settings, port = freePort(), publicPort = port } = options
  const domain = secure ? 'gate.test' : 'localhost'
  const at = (name: string) => `${secure ? 'https' : 'http'}://${name}.${domain}:${publicPort}`
  const hostOf = (name: string) => `${name}.${domain}`
  const [redis, orders] = await Promise.all([testRedis(), startUpstream()])
  const provider = await startLoginProvider({ gate: at('auth'), backchannel: `http://127.0.0.1:${port}` })
  const session = { session: 'main' }
  const route = (name: string, path: string, require: unknown) => ({
    id: `${name}${path === '/**' ? '' : '-strong'}`,
    match: { host: hostOf(name), path },
    require,
  })
  const nodeOptions = loginNode({
    issuer: provider.url,
    orders: orders.url,
    redisPort: redis.port,
    port,
    login: { host: hostOf('auth'), return_to: [`*.${domain}`], ...login },
    routes: [
      ...['shop', 'wiki', 'mail'].map((name) => route(name, '/**', session)),
      route('shop', '/strong/**', { all: [session, { acr: ['urn:strong'] }] }),
      route('open', '/**', 'public'),
    ],
    settings: {
      public_url: [at('auth'), at('*')],
      check: { peers: ['127.0.0.1'] },
      proxies: ['127.0.0.1'],
      ...(secure && { tls: await listenerTls(domain) }),
      ...settings,
    },
  })
  const node = await startNode(nodeOptions)
  return { at, hostOf, node, options: nodeOptions, provider, orders, redisPort: redis.port }
}

async function listenerTls(domain: string): Promise<object> {
  const folder = new NodeFolder()
  atEnd(() => folder.remove())
  const { certFile, keyFile } = await certificateFor(folder.path, 'hosts', [`*.${domain}`])
  return { certificates: [{ cert: certFile, key: { file: keyFile } }] }
}
