import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { FaultRelay } from '../../kit/fault-relay.ts'
import { testAudience } from '../../kit/issuer.ts'
import { NodeFolder } from '../../kit/node-folder.ts'
import { PartProcess } from '../../kit/part-process.ts'
import { freePort, freePorts } from '../../kit/ports.ts'
import { checkout, heapFlags, programPath } from '../../kit/programs.ts'
import { compactJws, signingKey } from '../../kit/signing-key.ts'
import { until } from '../../kit/until.ts'
import type { NameServerMode, NameServerReport } from '../parts/reports.ts'
import { Ledger } from './ledger.ts'
import { type RedisSide, startRedisSide, type Topology } from './redis-sides.ts'
import { worldPolicy } from './world-policy.ts'

/** A node or worker of a world. */
export interface WorldMember {
  readonly name: string
  readonly part: PartProcess
  readonly folder: NodeFolder
  readonly clockFile: string
}

export interface WorldNode extends WorldMember {
  readonly adminPort: number
  /** Relay through which clients reach the node. */
  readonly clients: FaultRelay
}

/** A server that nodes or workers reach through a relay. */
export interface LinkedServer {
  readonly part: PartProcess
  readonly link: FaultRelay
}

const partProgram = (name: string): string => join(checkout, 'test', 'chaos', 'parts', `${name}.ts`)
const clockModule = pathToFileURL(join(checkout, 'test', 'kit', 'shifted-clock.ts')).href

/** A name server, which nodes ask over UDP, without a relay. */
export interface WorldNameServer {
  readonly part: PartProcess
  readonly port: number
  /** Number of queries by the mode of their replies. */
  readonly queries: Record<NameServerMode, number>
  setMode(mode: NameServerMode): void
}

/**
 * Two nodes, a worker, Redis, issuer, two services, a name server and an audit sink: each a process, and a relay on each
 * link over TCP.
 */
export class ChaosWorld {
  readonly topology: Topology
  readonly folder = mkdtempSync(join(tmpdir(), 'gatehouse-chaos-'))
  readonly ledger = new Ledger()
  readonly bootstrap = randomBytes(32).toString('base64url')
  /** Shift of the clock of each node or worker now, ms. */
  readonly clockShiftMs = new Map<string, number>()
  /** Time at which each node was killed last, Unix ms. */
  readonly killedMs = new Map<string, number>()
  redis!: RedisSide
  issuer!: LinkedServer
  services!: readonly LinkedServer[]
  sink!: LinkedServer
  nameServer!: WorldNameServer
  nodes!: readonly WorldNode[]
  worker!: WorldMember
  readonly #key = signingKey('ES256', 'chaos')
  readonly #env = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
    CHAOS_CLIENT_SECRET: 'client-secret-of-the-chaos-matrix',
    CHAOS_BOOTSTRAP: this.bootstrap,
    CHAOS_ENCRYPTION_KEY: randomBytes(32).toString('base64url'),
    ISSUER_KEY: JSON.stringify(this.#key.privateJwk),
  }
  #jtis = 0

  private constructor(topology: Topology) {
    this.topology = topology
  }

  static async start(topology: Topology): Promise<ChaosWorld> {
    const world = new ChaosWorld(topology)
    try {
      await world.#start()
      return world
    } catch (error) {
      await world.stop()
      throw error
    }
  }

  /** All processes of the world. */
  get parts(): readonly PartProcess[] {
    const servers = [this.issuer, this.sink, this.nameServer, ...(this.services ?? [])]
    const members = [...(this.nodes ?? []), this.worker, ...servers]
    const redis = this.redis === undefined ? [] : [...this.redis.servers, ...this.redis.sentinels]
    return [...members.flatMap((each) => each?.part ?? []), ...redis]
  }

  get relays(): readonly FaultRelay[] {
    const links = [this.issuer, this.sink, ...(this.services ?? [])].flatMap((each) => each?.link ?? [])
    return [...links, ...(this.nodes ?? []).map(({ clients }) => clients), ...(this.redis?.relays ?? [])]
  }

  /** Relays that lead to this process alone. A relay refuses connections while its process is down. */
  linksTo(part: PartProcess): readonly FaultRelay[] {
    const servers = [
      this.issuer,
      this.sink,
      ...this.services,
      ...this.nodes.map((node) => ({ ...node, link: node.clients })),
    ]
    const links = servers.filter((server) => server.part === part).map(({ link }) => link)
    return [...links, ...this.redis.relaysTo(part)]
  }

  /** Signs an access token for `orders:read`, valid for an hour unless `claims` says otherwise. */
  sign(claims: Readonly<Record<string, unknown>>): string {
    const nowS = Math.floor(Date.now() / 1000)
    const good = {
      iss: this.#issuerUrl,
      aud: testAudience,
      client_id: 'reader',
      scope: 'orders:read',
      jti: `j${++this.#jtis}`,
    }
    const header = { alg: 'ES256', typ: 'at+jwt', kid: this.#key.kid }
    return compactJws(header, { ...good, iat: nowS, exp: nowS + 3600, ...claims }, this.#key)
  }

  admin(node: WorldNode, path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${this.bootstrap}`, 'content-type': 'application/json' }
    return fetch(`http://127.0.0.1:${node.adminPort}${path}`, { signal: AbortSignal.timeout(8000), ...init, headers })
  }

  /** Value of a counter at each node; 0 at a node that does not answer. */
  counters(name: string): Promise<readonly number[]> {
    return Promise.all(
      this.nodes.map(async (node) => {
        const text = await this.admin(node, '/metrics').then(
          (reply) => reply.text(),
          () => '',
        )
        const values = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))]
        return values.reduce((sum, [, value]) => sum + Number(value), 0)
      }),
    )
  }

  /** Shifts the clock of a node or worker, and waits for the line that its reload logs with the new time. */
  async shiftClock(member: WorldMember, shiftMs: number): Promise<string> {
    writeFileSync(member.clockFile, `${shiftMs}`)
    member.part.signal('SIGUSR2')
    this.clockShiftMs.set(member.name, shiftMs)
    const from = member.part.out.records.length
    const toleranceMs = shiftMs === 0 ? 2000 : Math.min(30_000, Math.abs(shiftMs) / 2)
    const shifted = () =>
      member.part.out.records
        .slice(from)
        .map(({ time }) => Date.parse(String(time)))
        .find((atMs) => Math.abs(atMs - Date.now() - shiftMs) < toleranceMs)
    member.part.signal('SIGHUP')
    await until(`a log line of ${member.name} with the shifted time`, () => shifted() !== undefined)
    return `log time ${Math.round((shifted()! - Date.now()) / 1000)} s from real time`
  }

  /** Writes a new revision of the policy to the folder of every node and worker. */
  swapPolicy(revision: string): void {
    const policy = worldPolicy({ issuer: this.#issuerUrl, services: this.#serviceUrls, revision })
    for (const { folder } of [...this.nodes, this.worker]) folder.writePolicy(policy)
  }

  async stop(): Promise<void> {
    await Promise.all(this.parts.map((part) => part.kill()))
    await Promise.all(this.relays.map((relay) => relay.stop()))
    for (const each of [...(this.nodes ?? []), this.worker]) each?.folder.remove()
    rmSync(this.folder, { recursive: true, force: true })
  }

  get #issuerUrl(): string {
    return `http://127.0.0.1:${this.issuer.link.port}`
  }

  get #serviceUrls(): readonly string[] {
    return this.services.map(({ link }, i) => `http://service-${i + 1}.chaos.test:${link.port}`)
  }

  async #start(): Promise<void> {
    const names = ['n1', 'n2', 'w1']
    this.redis = await startRedisSide(this.topology, this.folder, names)
    this.issuer = await this.#server(
      'issuer',
      () => undefined,
      (link) => [`http://127.0.0.1:${link.port}`],
    )
    this.services = await Promise.all(
      ['service-1', 'service-2'].map((name) => this.#server(name, this.ledger.fromService)),
    )
    this.sink = await this.#server('sink', this.ledger.fromSink)
    this.nameServer = await this.#startNameServer()
    const [n1, n2, w1] = [freePorts(2), freePorts(2), freePorts(2)]
    const clients = [await FaultRelay.start('clients–n1', n1[0]!), await FaultRelay.start('clients–n2', n2[0]!)]
    const publicUrl = `http://127.0.0.1:${clients[0]!.port}`
    this.worker = this.#member('w1', w1, publicUrl)
    this.nodes = [n1, n2].map((ports, i) => {
      const member = this.#member(`n${i + 1}`, ports, publicUrl)
      return { ...member, adminPort: ports[1]!, clients: clients[i]! }
    })
    await Promise.all([...this.nodes, this.worker].map(({ part }) => part.start()))
  }

  async #server(
    name: string,
    heard: (report: never) => void,
    words: (link: FaultRelay) => readonly string[] = () => [],
  ): Promise<LinkedServer> {
    const port = freePort()
    const link = await FaultRelay.start(`link to ${name}`, port)
    let isReady = false
    const part = new PartProcess({
      name,
      command: process.execPath,
      words: [partProgram(name.replace(/-\d$/, '')), `${port}`, ...words(link)],
      env: this.#env,
      cwd: this.folder,
      heard: (report: never) => {
        if ((report as { kind: string }).kind === 'ready') isReady = true
        else heard(report)
      },
      ready: async () => {
        isReady = false
        await until(`${name} to listen`, () => isReady)
      },
    })
    await part.start()
    return { part, link }
  }

  async #startNameServer(): Promise<WorldNameServer> {
    const name = 'name-server'
    const [port, file] = [freePort(), join(this.folder, 'name-server-mode')]
    const queries = { answers: 0, fails: 0, 'has no name': 0, slow: 0 }
    const setMode = (mode: NameServerMode): void => writeFileSync(file, mode)
    let isReady = false
    const part = new PartProcess({
      name,
      command: process.execPath,
      words: [partProgram(name), `${port}`, file],
      env: this.#env,
      cwd: this.folder,
      heard: (report: NameServerReport) => {
        if (report.kind === 'ready') isReady = true
        else queries[report.mode]++
      },
      ready: async () => {
        isReady = false
        await until('the name server to listen', () => isReady)
      },
    })
    setMode('answers')
    await part.start()
    return { part, port, queries, setMode }
  }

  #member(name: string, [port, adminPort]: readonly number[], publicUrl: string): WorldMember {
    const folder = new NodeFolder()
    folder.writePolicy(worldPolicy({ issuer: this.#issuerUrl, services: this.#serviceUrls }))
    folder.writeSettings(this.#settings(name, folder, { port: port!, adminPort: adminPort!, publicUrl }))
    const clockFile = folder.file('clock')
    const isWorker = name.startsWith('w')
    const program = isWorker ? [programPath('worker')] : [programPath('gatehouse'), 'serve']
    const started = isWorker ? 'worker started' : 'node started'
    const part = new PartProcess({
      name,
      command: process.execPath,
      words: [
        ...heapFlags,
        '--import',
        clockModule,
        ...program,
        '--config',
        folder.file('gatehouse.yaml'),
        '--output',
        'json',
      ].slice(0, isWorker ? undefined : -2),
      env: { ...this.#env, TEST_CLOCK_FILE: clockFile },
      cwd: folder.path,
      ready: async ({ out }) => {
        await out.find(({ msg }) => msg === started, started, 50_000)
        const ready = () =>
          fetch(`http://127.0.0.1:${adminPort}/readyz`).then(
            ({ ok }) => ok,
            () => false,
          )
        if (!isWorker) await until(`${name} to be ready`, ready, 50_000)
      },
    })
    return { name, part, folder, clockFile }
  }

  #settings(
    name: string,
    folder: NodeFolder,
    { port, adminPort, publicUrl }: { readonly port: number; readonly adminPort: number; readonly publicUrl: string },
  ): Readonly<Record<string, unknown>> {
    return {
      node: { id: name },
      listen: `127.0.0.1:${port}`,
      admin: { listen: `127.0.0.1:${adminPort}`, bootstrap_token: { env: 'CHAOS_BOOTSTRAP' } },
      public_url: publicUrl,
      upstream_dns: { servers: [`127.0.0.1:${this.nameServer.port}`] },
      redis: this.redis.settings(name),
      revocation: { max_staleness: `${this.redis.maxStalenessS}s` },
      keys: {
        assertion: [{ id: 'a1', secret: { file: folder.file('assertion.jwk') } }],
        encryption: [{ id: 'e1', secret: { env: 'CHAOS_ENCRYPTION_KEY' } }],
      },
      audit: {
        memory: '64KiB',
        spill: { path: folder.file('spill'), max: '64MiB' },
        sinks: {
          receiver: { type: 'http', url: `http://127.0.0.1:${this.sink.link.port}/`, timeout: '2s' },
          archive: { type: 'file', path: join(this.folder, 'archive', 'audit.ndjson') },
        },
      },
      log: { access: false },
    }
  }
}
