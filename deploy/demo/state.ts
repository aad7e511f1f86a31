import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { takeLock } from '../file-lock.mjs'
import { localFolder } from '../own-folder.mjs'
import { clientSecret, introspectionClient, loginClient } from './accounts.ts'
import type { DemoRedis } from './demo-redis.ts'
import { loopback, movePorts, type Ports } from './ports.ts'
import { selfSigned } from './self-signed.ts'

export const checkout = join(import.meta.dirname, '..', '..')

export type NodeName = 'node-1' | 'node-2'
export const nodeNames: readonly [NodeName, NodeName] = ['node-1', 'node-2']

/** Folder of one demo run, with configuration, keys and logs. */
export interface State {
  readonly folder: string
  readonly nodeLog: (node: NodeName) => string
  readonly nodeSettings: (node: NodeName) => string
  readonly workerSettings: string
  readonly workerLog: string
  /** File with the certificate of the HTTP/2 listener. */
  readonly certificate: string
  /** File with the bootstrap token of the admin API. */
  readonly adminToken: string
  /** Unlocks the port offset, so that another demo can use it. The folder and its logs remain. */
  release(): void
}

/** Returns the path of the state folder for a port offset. The folder need not exist. */
export function stateFolder({ offset }: Ports): string {
  return join(localFolder, `demo-${offset}`)
}

/**
 * Locks a port offset for this process, so that no two demos use the same port offset.
 *
 * @returns an object whose `release` releases the lock, or the pid of the demo that has the lock
 */
export function claimState(ports: Ports): { release(): void } | { heldBy: number } {
  return takeLock(`${stateFolder(ports)}.lock`)
}

/**
 * Creates the state folder of a demo run with configuration and keys. Deletes the files of an earlier run.
 *
 * @throws {Error} when the policy template has an address that is not one of the demo's addresses
 */
export function makeState(ports: Ports, redis: DemoRedis, claim: { release(): void }): State {
  const folder = stateFolder(ports)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 })
  const template = process.env.GATEHOUSE_DEMO_POLICY ?? join(import.meta.dirname, 'policy.yaml')
  write('policy.yaml', movePorts(readFileSync(template, 'utf8'), ports))
  write('assertion.jwk', `${JSON.stringify(newAssertionKey())}\n`)
  const { certificate, key } = selfSigned(['localhost', '127.0.0.1'])
  write('gate.crt', certificate)
  write('gate.key', key)
  write('admin-token', `${randomBytes(32).toString('base64url')}\n`)
  write('encryption-key', `${randomBytes(32).toString('base64url')}\n`)
  write('audit-key', `${randomBytes(32).toString('base64url')}\n`)
  write('policy-key', `${randomBytes(32).toString('base64url')}\n`)
  write('introspection-secret', `${clientSecret(introspectionClient)}\n`)
  write('login-secret', `${clientSecret(loginClient)}\n`)
  if (redis.password !== undefined) write('redis-password', `${redis.password}\n`)
  for (const [index, node] of nodeNames.entries()) {
    write(`${node}.yaml`, nodeSettings(node, loopback(ports.admin[index] ?? 0), redis, ports))
  }
  write('worker.yaml', workerSettings(redis, ports))
  return {
    folder,
    nodeLog: (node) => join(folder, `${node}.log`),
    nodeSettings: (node) => join(folder, `${node}.yaml`),
    workerSettings: join(folder, 'worker.yaml'),
    workerLog: join(folder, 'worker.log'),
    certificate: join(folder, 'gate.crt'),
    adminToken: join(folder, 'admin-token'),
    release: claim.release,
  }
}

function nodeSettings(node: NodeName, admin: string, redis: DemoRedis, ports: Ports): string {
  const issuer = `{ issuer: ${loopback(ports.issuer)}, audience: [${loopback(ports.gate)}], clock_tolerance: 1s }`
  return `# Settings of one demo node; both share the ports, the policy, the keys and Redis.
node: { id: ${node} }
listen: 127.0.0.1:${ports.gate}
# HTTP/2 and gRPC have their own port: docs/guide/http2.md. The other port stays without TLS.
listen_h2: { address: "127.0.0.1:${ports.http2}", tls: true }
tls: { listen: false, certificates: [{ cert: gate.crt, key: { file: gate.key } }] }
reuse_port: true
public_url: ${loopback(ports.gate)}
# A proxy of this machine may ask for checks and forward by itself: docs/guide/forward-auth.md.
check: { peers: [127.0.0.1] }
admin:
  listen: ${new URL(admin).host}
  issuer: ${issuer}
  bootstrap_token: { file: admin-token }
  # gatehouse demo console prints a link that logs a browser of this machine in: docs/guide/console.md.
  one_time_links: true
# All nodes enforce the active revision of the policy in Redis. policy.yaml is the first revision.
policy: { source: cluster, seed: policy.yaml, copy: policy-copy-${node} }
keys:
  assertion: [{ id: demo, secret: { file: assertion.jwk } }]
  encryption: [{ id: demo, secret: { file: encryption-key } }]
  audit: [{ id: demo, secret: { file: audit-key } }]
  policy: [{ id: demo, secret: { file: policy-key } }]
audit:
  spill: { path: spill-${node}, max: 64MiB }
  sinks: ${auditSinks}
redis:
${redisSettings(redis)}
revocation: { max_staleness: 3s }
drain_timeout: 3s
log: { format: json, access: true }
telemetry: { traces: { sample: 1 } }
`
}

function workerSettings(redis: DemoRedis, ports: Ports): string {
  return `# Settings of the demo's worker: the policy, its key, the encryption key and Redis are those of the nodes.
node: { id: worker }
probes: { listen: ${new URL(loopback(ports.worker)).host} }
policy: { source: cluster, seed: policy.yaml, copy: policy-copy-worker }
keys:
  encryption: [{ id: demo, secret: { file: encryption-key } }]
  policy: [{ id: demo, secret: { file: policy-key } }]
redis:
${redisSettings(redis)}
audit: { sinks: ${auditSinks} }
drain_timeout: 3s
log: { format: json }
telemetry: { traces: { sample: 1 } }
`
}

/**
 * Audit sink of the demo: the worker ships audit records to a file. The nodes keep records in Redis until the worker
 * has shipped them.
 */
const auditSinks = '{ archive: { type: file, path: audit/audit.ndjson } }'

/**
 * Formats the Redis settings for gatehouse.yaml. Values are written as JSON, which is valid YAML, because a name can
 * contain any character.
 */
function redisSettings({ url, username, password, prefix }: DemoRedis): string {
  const lines = [
    `url: ${JSON.stringify(url)}`,
    ...(username === undefined ? [] : [`username: ${JSON.stringify(username)}`]),
    ...(password === undefined ? [] : ['password: { file: redis-password }']),
    `prefix: ${JSON.stringify(prefix)}`,
  ]
  return lines.map((line) => `  ${line}`).join('\n')
}

/** Creates a private key on P-256 as JWK (RFC 7517). The gate signs its assertions with this key. */
export function newAssertionKey(): object {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey.export({ format: 'jwk' })
}
