import { randomBytes, X509Certificate } from 'node:crypto'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import { CertificateAuthority, type IssuedCertificate } from '../kit/certificate-authority.ts'
import { atEnd } from '../kit/cleanup.ts'
import { ClientCa, type ClientIdentity } from '../kit/client-ca.ts'
import type { VerbRun } from '../kit/host-order.ts'
import { IntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { formOf, started, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { listen } from '../kit/ports.ts'
import { testRedis } from '../kit/redis.ts'
import { redisCli } from '../kit/redis-cli.ts'
import { runVerb } from '../kit/run-verb.ts'
import { signingKey } from '../kit/signing-key.ts'
import type { NodeOptions, TestNode } from '../kit/test-node.ts'
import { TlsClient } from '../kit/tls-client.ts'
import { until } from '../kit/until.ts'
import { startWorker, type TestWorker } from '../kit/worker.ts'

// Three nodes with TLS and a worker, whose secrets, keys and certificates a test replaces under load. Issuer, services
// and clients verify what they receive, and record what they have seen since the last rotation.

/**
 * Lifetime of the tokens that the issuer grants for services, s. Workers renew them after two thirds of it. The last third
 * is longer than a busy machine stalls.
 */
const GRANT_S = 15
/** Number of requests that a client sends on one connection. */
const REQUESTS_PER_CONNECTION = 6
const bootstrap = 'bootstrap-token-of-the-rotation-tests'

/** An issuer with introspection and client credentials grants that accepts only some client secrets. */
class RotatingIssuer extends IntrospectionIssuer {
  accepted: readonly string[] = ['secret-0']
  /** Accepted secrets that the issuer received, by endpoint: `introspection` or `token`. */
  readonly seen = new Set<string>()

  constructor() {
    super()
    this.serve('/token', (request, response) => this.#grant(request, response))
    this.script = ({ form }) =>
      this.#accepts('introspection', form) ? undefined : { status: 401, body: '{"error":"invalid_client"}' }
  }

  #accepts(endpoint: string, form: URLSearchParams): boolean {
    const secret = form.get('client_secret') ?? ''
    const isAccepted = this.accepted.includes(secret)
    if (isAccepted) this.seen.add(`${endpoint} ${secret}`)
    return isAccepted
  }

  async #grant(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const accepted = this.#accepts('token', await formOf(request))
    const exp = Math.floor(Date.now() / 1000) + GRANT_S
    const body = accepted
      ? { access_token: this.sign({ claims: { aud: 'billing', exp } }), token_type: 'Bearer', expires_in: GRANT_S }
      : { error: 'invalid_client' }
    response.writeHead(accepted ? 200 : 401, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
}

/** Requests at all nodes: tokens, client certificates and tokens of the gate, on connections that change often. */
export class RotationLoad {
  /** Number of replies by status, and of failures by their text. */
  readonly outcomes = new Map<string, number>()
  /** Certificate with which clients open connections from now on. */
  identity: ClientIdentity
  readonly #cluster: RotatingCluster
  readonly #loops: Promise<void>[]
  /** Number of connections that each loop has completed. */
  readonly #connections: number[]
  #isRunning = true

  constructor(cluster: RotatingCluster, identity: ClientIdentity, pauseMs: number) {
    this.#cluster = cluster
    this.identity = identity
    this.#connections = cluster.nodes.map(() => 0)
    this.#loops = cluster.nodes.map((node, i) => this.#loop(node, i, pauseMs))
  }

  get requests(): number {
    return [...this.outcomes.values()].reduce((sum, each) => sum + each, 0)
  }

  /**
   * Waits until each client has opened a connection after this call, and completed its requests.
   *
   * @throws {Error} when a request has failed
   */
  async cycle(): Promise<void> {
    const targets = this.#connections.map((count) => count + 2)
    await until('requests of every client on a new connection', () => {
      const failures = [...this.outcomes.keys()].filter((outcome) => outcome !== '200')
      if (failures.length > 0) throw new Error(`failed requests: ${failures.join('; ')}`)
      return this.#connections.every((count, i) => count >= targets[i]!)
    })
  }

  async stop(): Promise<void> {
    this.#isRunning = false
    await Promise.all(this.#loops)
  }

  async #loop(node: TestNode, i: number, pauseMs: number): Promise<void> {
    while (this.#isRunning) {
      try {
        await this.#onConnection(node, pauseMs)
      } catch (error) {
        this.#count(String(error))
      }
      this.#connections[i]!++
    }
  }

  async #onConnection({ port }: TestNode, pauseMs: number): Promise<void> {
    const { cert, key } = this.identity
    const client = await TlsClient.open({ port, cert, key })
    this.#cluster.seen.listener.add(client.socket.getPeerCertificate().serialNumber)
    const token = { authorization: `Bearer ${this.#cluster.issuer.issue()}` }
    try {
      for (let n = 0; n < REQUESTS_PER_CONNECTION; n++) {
        const target = (['/orders/1', '/mesh/1', '/billing/1'] as const)[n % 3]!
        const { status, body } = await client.get(target, target === '/orders/1' ? token : {})
        this.#count(status === 200 ? '200' : `${target}: ${status} ${body}`)
        await sleep(pauseMs)
      }
    } finally {
      client.socket.destroy()
    }
  }

  #count(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
  }
}

/** Certificates and keys that peers of the gate saw since the last call of `forget`. */
class Seen {
  /** Serial numbers of the certificates that the listeners presented to clients. */
  readonly listener = new Set<string>()
  /** Serial numbers of the client certificates with which requests arrived at the service. */
  readonly client = new Set<string>()
  /** Names of the certificates that the service presented on the connections on which requests arrived. */
  readonly service = new Set<string>()
  /** Key ids of the assertions that the service verified. */
  readonly assertion = new Set<string>()

  forget(): void {
    for (const each of [this.listener, this.client, this.service, this.assertion]) each.clear()
  }
}

export class RotatingCluster {
  readonly seen = new Seen()
  /** Errors of the services about what they received. */
  readonly faults: string[] = []
  readonly folder = mkdtempSync(join(tmpdir(), 'gatehouse-rotations-'))
  issuer!: RotatingIssuer
  nodes!: readonly TestNode[]
  worker!: TestWorker
  orders!: SecureServer
  redisPort = 0
  #jwks: ReturnType<typeof createLocalJWKSet> | undefined
  #certificate = 'S0'
  #clientCa = ''

  at(...names: string[]): string {
    return join(this.folder, ...names)
  }

  put(text: string, ...names: string[]): void {
    writeFileSync(this.at('next'), text, { mode: 0o600 })
    renameSync(this.at('next'), this.at(...names))
  }

  /** Writes the certificate first: until the key is written too, the pair does not fit. */
  putPair(name: string, { cert, key }: IssuedCertificate): void {
    this.put(cert, `${name}.crt`)
    this.put(key, `${name}.key`)
  }

  putKey(kind: 'assertion' | 'encryption', id: string): void {
    const jwk = () => JSON.stringify(signingKey('ES256').privateJwk)
    this.put(kind === 'assertion' ? jwk() : randomBytes(32).toString('base64url'), kind, id)
  }

  verb(...words: string[]): Promise<VerbRun> {
    const url = `http://127.0.0.1:${this.nodes[0]!.adminPort}`
    return runVerb([...words, '--output', 'json'], { GATEHOUSE_ADMIN_URL: url, GATEHOUSE_ADMIN_TOKEN: bootstrap })
  }

  /** Waits until every node has logged `msg` once more than before `change`. */
  async onEveryNode(msg: string, change: () => void): Promise<void> {
    const counts = () => this.nodes.map(({ log }) => log.filter((line) => line['msg'] === msg).length)
    const before = counts()
    change()
    await until(`every node logs: ${msg}`, () => counts().every((count, i) => count > before[i]!))
  }

  /** The service presents this certificate to new connections. */
  useServiceCertificate(pair: IssuedCertificate, name: string): void {
    this.#certificate = name
    this.orders.setSecureContext({ ...pair, ca: this.#clientCa })
  }

  /** Texts of everything that Redis stores under keys of a pattern. */
  async stored(pattern: string): Promise<string> {
    const keys = (await redisCli(this.redisPort, 'KEYS', pattern)).split('\n').filter((key) => key !== '')
    return (await Promise.all(keys.map((key) => redisCli(this.redisPort, 'HGETALL', key)))).join('\n')
  }

  /** Starts the service `orders`, which demands a client certificate and verifies assertions. */
  async startOrders(pair: IssuedCertificate, clientCa: string): Promise<string> {
    this.#clientCa = clientCa
    const opened = new WeakMap<object, string>()
    this.orders = createSecureServer({ ...pair, ca: clientCa, requestCert: true }, async (incoming, reply) => {
      const socket = incoming.socket as TLSSocket
      this.seen.client.add(socket.getPeerCertificate().serialNumber)
      this.seen.service.add(opened.get(socket)!)
      if (incoming.url !== '/mesh/1') await this.#verify(String(incoming.headers['x-gatehouse-jwt-assertion']))
      reply.end('ok')
    })
    this.orders.on('secureConnection', (socket) => opened.set(socket, this.#certificate))
    return `https://localhost:${await served(this.orders)}`
  }

  async #verify(assertion: string): Promise<void> {
    try {
      const { kid } = decodeProtectedHeader(assertion)
      if (!this.seen.assertion.has(kid!)) this.#jwks = createLocalJWKSet(await this.#publishedKeys())
      await jwtVerify(assertion, this.#jwks!, { audience: 'orders' })
      this.seen.assertion.add(kid!)
    } catch (error) {
      this.faults.push(String(error))
    }
  }

  async #publishedKeys(): Promise<JSONWebKeySet> {
    const client = await TlsClient.open({ port: this.nodes[0]!.port })
    const { body } = await client.get('/.well-known/gatehouse/jwks.json')
    client.socket.destroy()
    return JSON.parse(body) as JSONWebKeySet
  }

  /** Starts the service `billing`, which accepts only valid tokens that the issuer granted to the gate. */
  async startBilling(): Promise<string> {
    const server = createServer(async (incoming, reply) => {
      const keys = createLocalJWKSet({ keys: this.issuer.keys.map(({ publicJwk }) => publicJwk) } as JSONWebKeySet)
      const token = String(incoming.headers.authorization).slice('Bearer '.length)
      const isValid = await jwtVerify(token, keys, { audience: 'billing' }).then(
        () => true,
        (error) => void this.faults.push(String(error)),
      )
      reply.statusCode = isValid === true ? 200 : 401
      reply.end('ok')
    })
    return `http://127.0.0.1:${await served(server)}`
  }
}

async function served(server: Server | SecureServer): Promise<number> {
  atEnd(() => {
    server.closeAllConnections()
    server.close()
  })
  return listen(server as Server)
}

/** Authorities and first certificates of a cluster. */
export interface FirstCertificates {
  readonly api: CertificateAuthority
  readonly services: CertificateAuthority
  readonly gate: CertificateAuthority
  readonly mesh: ClientCa
  readonly identity: ClientIdentity
}

/** Serial number in the form of `getPeerCertificate`. */
export const serialOf = ({ cert }: { readonly cert: string }): string => new X509Certificate(cert).serialNumber

export async function startRotatingCluster(): Promise<{ cluster: RotatingCluster; first: FirstCertificates }> {
  const cluster = new RotatingCluster()
  atEnd(() => rmSync(cluster.folder, { recursive: true, force: true }))
  const [api, services, gate] = await Promise.all(
    ['api', 'services 0', 'gates'].map((name) => CertificateAuthority.create(name)),
  )
  const mesh = await ClientCa.create('mesh 0')
  const first = { api: api!, services: services!, gate: gate!, mesh, identity: await mesh.issue({ dns: ['client'] }) }
  cluster.putPair('api', await first.api.issue({ names: ['api.example'] }))
  cluster.putPair('gate', await first.gate.issue({ names: ['gate'], use: 'clientAuth' }))
  cluster.put(first.services.cert, 'services.pem')
  cluster.put(mesh.cert, 'mesh.pem')
  cluster.put('secret-0', 'client-secret')
  cluster.put(bootstrap, 'bootstrap')
  for (const kind of ['assertion', 'encryption'] as const) {
    mkdirSync(cluster.at(kind))
    cluster.putKey(kind, 'k0')
  }
  cluster.issuer = await started(new RotatingIssuer())
  const pair = await first.services.issue({ names: ['localhost'], use: 'serverAuth' })
  const [orders, billing] = [await cluster.startOrders(pair, first.gate.cert), await cluster.startBilling()]
  cluster.redisPort = (await testRedis()).port
  const options = (id: string): NodeOptions => ({
    policy: policyOf(cluster, orders, billing),
    settings: settingsOf(cluster, id),
  })
  cluster.worker = await startWorker(options('w1'))
  cluster.nodes = await Promise.all(['n1', 'n2', 'n3'].map((id) => startNode(options(id))))
  return { cluster, first }
}

function policyOf(cluster: RotatingCluster, orders: string, billing: string): object {
  const client = {
    client_id: 'gatehouse',
    client_secret: { file: cluster.at('client-secret') },
    client_auth: 'client_secret_post',
  }
  const byCertificate = { certificate: { issuer: 'x509:mesh' } }
  const upstream_tls = {
    ca: cluster.at('services.pem'),
    certificate: cluster.at('gate.crt'),
    key: { file: cluster.at('gate.key') },
  }
  const route = (id: string, require: object) => ({ id, match: { path: `/${id}/**` }, require })
  return {
    version: 1,
    issuers: {
      main: {
        issuer: cluster.issuer.url,
        audience: [testAudience],
        tokens: 'opaque',
        introspection: { ...client, timeout: '10s', rate: 1000 },
      },
    },
    services: {
      orders: {
        upstreams: [orders],
        upstream_tls,
        routes: [route('orders', { scopes: { all: ['orders:read'] } }), route('mesh', byCertificate)],
      },
      billing: {
        upstreams: [billing],
        credentials: { type: 'client_credentials', issuer: 'main', ...client, timeout: '10s' },
        routes: [route('billing', byCertificate)],
      },
    },
  }
}

function settingsOf(cluster: RotatingCluster, id: string): Readonly<Record<string, unknown>> {
  return {
    node: { id },
    redis: { url: `redis://127.0.0.1:${cluster.redisPort}` },
    log: { access: false },
    public_url: 'https://api.example',
    keys: { assertion: { directory: cluster.at('assertion') }, encryption: { directory: cluster.at('encryption') } },
    admin: { listen: '127.0.0.1:0', bootstrap_token: { file: cluster.at('bootstrap') } },
    tls: {
      certificates: [{ cert: cluster.at('api.crt'), key: { file: cluster.at('api.key') } }],
      client: { ca: [{ name: 'mesh', file: cluster.at('mesh.pem') }] },
    },
  }
}
