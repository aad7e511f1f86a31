import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Child, epitaph, startChild } from '../../deploy/child.ts'
import { haproxy, nginx, type Startable } from '../../deploy/server-program.mjs'
import { certificateFor } from './certificate.ts'
import { atEnd } from './cleanup.ts'
import { freePort, freePorts } from './ports.ts'
import { connect } from './raw-client.ts'

const shipped = (name: string) => new URL(`../../deploy/${name}`, import.meta.url).pathname

/** The name in the certificate of a balancer. */
export const publicName = 'api.test'

export interface TestBalancer {
  readonly port: number
  /** Its certificate, in PEM. */
  readonly certificate: string
  /** Has it read its configuration again. */
  reload(): void
}

interface HaproxyPlace {
  /** Where its name server listens, on loopback. */
  readonly namePort: number
  readonly nodePort: number
  readonly probePort: number
}

/** Starts HAProxy with `deploy/haproxy.cfg`, as it is; it ends with the test file. */
export async function startHaproxy({ namePort, nodePort, probePort }: HaproxyPlace): Promise<TestBalancer> {
  const { folder, certificate } = await balancerFolder()
  const [port, metrics] = (await freePorts(2)) as [number, number]
  const variables = {
    LISTEN: `127.0.0.1:${port}`,
    CERTIFICATE: certificate.pemFile,
    NODES: `gateway.test:${nodePort}`,
    PROBE_PORT: String(probePort),
    DNS: `127.0.0.1:${namePort}`,
    METRICS: `127.0.0.1:${metrics}`,
  }
  const child = await startServer(haproxy.find(), ['-db', '-f', shipped('haproxy.cfg')], { folder, port, variables })
  return { port, certificate: certificate.cert, reload: () => process.kill(child.pid, 'SIGUSR2') }
}

/**
 * Starts nginx with `deploy/nginx.conf`, in which only addresses and files are those of the test; it ends with the file.
 *
 * @param nodes  ports of the nodes on 127.0.0.1
 */
export async function startNginx(nodes: readonly number[]): Promise<TestBalancer> {
  const { folder, certificate } = await balancerFolder()
  const port = await freePort()
  const text = fitted(readFileSync(shipped('nginx.conf'), 'utf8'), [
    ['server gateway-1:8080;', nodes.map((one) => `server 127.0.0.1:${one};`).join(' ')],
    ['server gateway-2:8080;', ''],
    ['listen 443 ssl;', `listen 127.0.0.1:${port} ssl;`],
    ['/etc/nginx/certificate.pem', certificate.certFile],
    ['/etc/nginx/certificate.key', certificate.keyFile],
    ['/var/log/nginx/access.log', join(folder, 'access.log')],
    ['/run/nginx.pid', join(folder, 'nginx.pid')],
    ['http {\n', `http {\n${scratch(folder)}`],
  ])
  writeFileSync(join(folder, 'nginx.conf'), text)
  const words = ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr', '-g', 'daemon off;']
  const child = await startServer(nginx.find(), words, { folder, port, variables: {} })
  return { port, certificate: certificate.cert, reload: () => process.kill(child.pid, 'SIGHUP') }
}

/** Each text stands in it exactly once, or the test does not run what is shipped. */
function fitted(text: string, changes: readonly (readonly [from: string, to: string])[]): string {
  let changed = text
  for (const [from, to] of changes) {
    if (changed.split(from).length !== 2)
      throw new Error(`deploy/nginx.conf has not exactly one ${JSON.stringify(from)}`)
    changed = changed.replace(from, () => to)
  }
  return changed
}

/** Where nginx keeps bodies: the folders of Debian's build belong to root. */
function scratch(folder: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return kinds.map((kind) => `  ${kind}_temp_path ${join(folder, kind)};\n`).join('')
}

async function balancerFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-balancer-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  const certificate = await certificateFor(folder, 'certificate', [publicName])
  const pemFile = join(folder, 'certificate.pem')
  writeFileSync(pemFile, `${certificate.cert}\n${readFileSync(certificate.keyFile, 'utf8')}`, { mode: 0o600 })
  return { folder, certificate: { ...certificate, pemFile } }
}

interface Place {
  readonly folder: string
  readonly port: number
  readonly variables: Readonly<Record<string, string>>
}

async function startServer({ command, env }: Startable, words: readonly string[], place: Place): Promise<Child> {
  const log = join(place.folder, 'balancer.log')
  const variables = { ...process.env, ...env, ...place.variables }
  const child = await startChild({ name: 'balancer', command, arguments: words, env: variables, log })
  atEnd(() => child.stop())
  const died = child.ended.then((how) => {
    throw new Error(epitaph(child, `ended by itself (${how})`))
  })
  died.catch(() => {})
  await Promise.race([died, untilListening(place.port)])
  return child
}

async function untilListening(port: number): Promise<void> {
  for (const deadline = performance.now() + 10_000; ; await sleep(25)) {
    try {
      return (await connect(port)).close()
    } catch (failure) {
      if (performance.now() > deadline) throw failure
    }
  }
}
