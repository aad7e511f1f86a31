import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { haproxy, nginx } from '../../deploy/server-program.mjs'
import { certificateFor } from './certificate.ts'
import { atEnd } from './cleanup.ts'
import { freePort, freePorts } from './ports.ts'
import { startProgram } from './server-program.ts'

const shipped = (name: string) => readFileSync(new URL(`../../deploy/${name}`, import.meta.url), 'utf8')

/** DNS name in the certificate of the balancer. */
const publicName = 'api.test'

export interface TestBalancer {
  readonly port: number
  /** Certificate of the balancer, in PEM. */
  readonly certificate: string
}

export interface TestHaproxy extends TestBalancer {
  /** Port of HAProxy's own metrics. */
  readonly metricsPort: number
}

interface HaproxyPlace {
  /** Port of the DNS server on loopback that HAProxy queries. */
  readonly namePort: number
  readonly nodePort: number
  readonly probePort: number
  /** Port of `listen_h2` of the nodes. Default: all requests go to `nodePort`. */
  readonly http2Port?: number
  /** How HAProxy states the client address to the nodes. Default: PROXY v2, or X-Forwarded-For with `http2Port`. */
  readonly tells?: 'X-Forwarded-For'
}

/** Starts HAProxy with `deploy/haproxy.cfg`. HAProxy stops after the last test of the file. */
export function startHaproxy({ namePort, nodePort, probePort, http2Port, tells }: HaproxyPlace): Promise<TestHaproxy> {
  return runHaproxy({
    NODES: `gateway.test:${nodePort}`,
    PROBE_PORT: String(probePort),
    DNS: `127.0.0.1:${namePort}`,
    ...(http2Port !== undefined && { NODES_HTTP2: `gateway.test:${http2Port}` }),
    ...(tells !== undefined && { FORWARDED: 'yes' }),
  })
}

interface FixedNodes {
  /** Addresses of the three nodes, which use the same ports. */
  readonly addresses: readonly [string, string, string]
  readonly nodePort: number
  /** Port of `listen_h2` of the nodes. */
  readonly http2Port: number
  readonly probePort: number
  readonly adminSocket: string
}

/**
 * Starts HAProxy with `deploy/haproxy.cfg` and the fixed nodes of `deploy/haproxy-nodes.cfg`, in which only the addresses
 * are changed. HAProxy stops after the last test of the file.
 */
export function startFixedHaproxy({ addresses, nodePort, http2Port, probePort, adminSocket }: FixedNodes) {
  const ports = [
    ['8080', nodePort],
    ['8081', http2Port],
  ] as const
  const changes = addresses.flatMap((address, i) =>
    ports.map(([from, to]) => [`10.0.0.1${i + 1}:${from}`, `${address}:${to}`] as const),
  )
  const nodes = fitted(shipped('haproxy-nodes.cfg'), changes)
  const variables = { FIXED_NODES: 'yes', NODES_HTTP2: 'yes', PROBE_PORT: String(probePort), ADMIN_SOCKET: adminSocket }
  return runHaproxy(variables, nodes)
}

/** @param nodes  text of `haproxy-nodes.cfg` */
async function runHaproxy(variables: Readonly<Record<string, string>>, nodes?: string): Promise<TestHaproxy> {
  const { certificate, pemFile } = await certificateFiles()
  const [port, metrics] = freePorts(2) as [number, number]
  const { command, env } = haproxy.find()
  const places = { LISTEN: `127.0.0.1:${port}`, CERTIFICATE: pemFile, METRICS: `127.0.0.1:${metrics}` }
  const config = (folder: string) => {
    if (nodes !== undefined) writeFileSync(join(folder, 'haproxy-nodes.cfg'), nodes)
    return shipped('haproxy.cfg')
  }
  await startProgram({
    command,
    words: ['-db', '-f', 'haproxy.cfg', ...(nodes === undefined ? [] : ['-f', 'haproxy-nodes.cfg'])],
    env: { ...env, ...variables, ...places },
    config: ['haproxy.cfg', config],
    port,
  })
  return { port, certificate: certificate.cert, metricsPort: metrics }
}

/**
 * Starts nginx with `deploy/nginx.conf`, in which only addresses and file paths are changed. nginx stops after the last
 * test of the file.
 *
 * @param nodes  ports of the nodes on 127.0.0.1
 */
export async function startNginx(nodes: readonly number[]): Promise<TestBalancer> {
  const { certificate } = await certificateFiles()
  const port = freePort()
  const { command, env } = nginx.find()
  const config = (folder: string) =>
    fitted(shipped('nginx.conf'), [
      ['server gateway-1:8080;', nodes.map((one) => `server 127.0.0.1:${one};`).join(' ')],
      ['server gateway-2:8080;', ''],
      ['listen 443 ssl;', `listen 127.0.0.1:${port} ssl;`],
      ['/etc/nginx/certificate.pem', certificate.certFile],
      ['/etc/nginx/certificate.key', certificate.keyFile],
      ['/var/log/nginx/access.log', join(folder, 'access.log')],
      ['/run/nginx.pid', join(folder, 'nginx.pid')],
      ['http {\n', `http {\n${scratch(folder)}`],
    ])
  await startProgram({
    command,
    words: ['-p', '.', '-c', 'nginx.conf', '-e', 'stderr', '-g', 'daemon off;'],
    env,
    config: ['nginx.conf', config],
    port,
  })
  return { port, certificate: certificate.cert }
}

/**
 * Replaces each text `from` by `to`. Throws unless each `from` occurs exactly once: the test must run the shipped file.
 */
function fitted(text: string, changes: readonly (readonly [from: string, to: string])[]): string {
  let changed = text
  for (const [from, to] of changes) {
    if (changed.split(from).length !== 2)
      throw new Error(`the file in deploy/ has not exactly one ${JSON.stringify(from)}`)
    changed = changed.replace(from, () => to)
  }
  return changed
}

/** Directives for the folders in which nginx buffers bodies. The default folders of Debian's nginx belong to root. */
function scratch(folder: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return kinds.map((kind) => `  ${kind}_temp_path ${join(folder, kind)};\n`).join('')
}

async function certificateFiles() {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-balancer-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  const certificate = await certificateFor(folder, 'certificate', [publicName])
  const pemFile = join(folder, 'certificate.pem')
  writeFileSync(pemFile, `${certificate.cert}\n${readFileSync(certificate.keyFile, 'utf8')}`, { mode: 0o600 })
  return { certificate, pemFile }
}
