import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { AdminPlane } from './admin/admin-plane.ts'
import type { SharedDependencies } from './admin/dependencies.ts'
import { limitMetrics } from './admin/limit-metrics.ts'
import { openConsoleSessions } from './admin/login/console-sessions.ts'
import { NodeReadings } from './admin/node-readings.ts'
import { redisOutageText } from './admin/redis-outage-text.ts'
import { settingsRelaxations } from './admin/settings-relaxations.ts'
import { openAudit } from './audit/open-audit.ts'
import { Expiries } from './base/expiries.ts'
import { hostPort } from './base/host-port.ts'
import { reportTaskFailures } from './base/supervisor.ts'
import { packageVersion } from './base/version.ts'
import { checkNextStart } from './check-start.ts'
import { TrafficSummaries } from './cluster/traffic-summaries.ts'
import { currentRedis } from './config/current-redis.ts'
import { KeyRings } from './config/key-rings.ts'
import { secretInventory } from './config/secret-inventory.ts'
import { Secrets } from './config/secrets.ts'
import type { LoadedSettings } from './config/settings.ts'
import { openCredentials } from './credentials/open-credentials.ts'
import { Doctor } from './doctor/doctor.ts'
import { NodeExplainer } from './explain/node-explainer.ts'
import { type PolicyFollowers, preparePolicy } from './follow-policy.ts'
import { CertificateReload } from './http/certificate-reload.ts'
import { Listener } from './http/listener.ts'
import { loadUws } from './http/uws.ts'
import { Http2Listener } from './http2/http2-listener.ts'
import { IssuerKeys } from './issuers/issuer-keys.ts'
import { LoginClients } from './issuers/login-clients.ts'
import { openKeys } from './keys/open-keys.ts'
import { openLimits } from './limits/open-limits.ts'
import { openLogin } from './login/open-login.ts'
import { openNodeCluster } from './node-cluster.ts'
import { openNodePolicy } from './node-policy.ts'
import { nodeReload } from './node-reload.ts'
import type { IssuerRules } from './oauth/token-facts.ts'
import { openOverload } from './overload/open-overload.ts'
import { Pages } from './pages/pages.ts'
import type { Lifecycle } from './pipeline/exchange/steps.ts'
import { type AccessLog, type Gate, makeGate } from './pipeline/gate.ts'
import { checkLifecycle, lifecycle as standardLifecycle } from './pipeline/lifecycle.ts'
import { askedIssuers } from './policy/asked-issuers.ts'
import { CompiledPolicies } from './policy/compiled-policies.ts'
import { EmailLists } from './policy/email-lists.ts'
import { JobQueueList } from './policy/job-queue-list.ts'
import { limitRules } from './policy/limit-rules.ts'
import { relaxationsOf } from './policy/relaxations.ts'
import type { Snapshot } from './policy/snapshot.ts'
import { checkPolicyNeeds } from './policy-needs.ts'
import { countsOf, PolicySwitch } from './policy-switch.ts'
import { withPort } from './port.ts'
import { openProofs } from './proofs/open-proofs.ts'
import { quiet } from './quiet.ts'
import { openRevisions } from './revisions/open-revisions.ts'
import { openRevocation } from './revocation/open-revocation.ts'
import { claimsAtIssuer } from './sessions/claims-at-issuer.ts'
import { openSessions } from './sessions/open-sessions.ts'
import { tradeAtIssuer } from './sessions/trade-at-issuer.ts'
import { openStreams } from './streams/open-streams.ts'
import { ExpiryWatch } from './telemetry/expiry-watch.ts'
import { LineWriter } from './telemetry/line-writer.ts'
import { NodeLog } from './telemetry/node-log.ts'
import { Traffic } from './telemetry/traffic.ts'
import { TrafficWindows } from './telemetry/traffic-windows.ts'
import { openClientCertificates } from './tokens/client-certificates.ts'
import { openTokens } from './tokens/open-tokens.ts'
import { startTelemetry } from './traces/start-telemetry.ts'
import { TargetRegistry } from './upstream/target-registry.ts'

const STDOUT = 1
/** Longest time over which a stopping node spreads the ends of its WebSockets, ms. */
const WEBSOCKETS_END_MS = 10_000

/** Longest time in which the ends of gRPC calls are sent before a stopping node closes its connections, ms. */
const CALLS_END_MS = 1000

interface Closable {
  close(): void | Promise<void>
}

type Rooms = Awaited<ReturnType<typeof openRooms>>

/**
 * Opens the rooms (components) of a node. A room uses only rooms that were opened before it. `closing` closes the rooms
 * in reverse order:
 *
 * - sessions before audit, revocation and issuers, because a running refresh may need all of them;
 * - audit and limits before the cluster, because the last records and unspent permits go to Redis;
 * - telemetry after the rooms whose last log lines it exports;
 * - the cluster after all rooms that use Redis. Until the cluster is closed, revocations wait for this node.
 *
 * @throws {ConfigError} when the policy is invalid, or needs missing settings
 */
async function openRooms(loaded: LoadedSettings, lines: LineWriter, log: NodeLog, closing: AsyncDisposableStack) {
  const { settings } = loaded
  const open = <Room extends Closable | undefined>(room: Room): Room => closing.adopt(room, (each) => each?.close())
  const write = log.log.bind(log)
  const secrets = open(new Secrets({ env: loaded.sources.env, log: write }))
  secrets.followSettings(loaded.secrets)
  const keyRings = new KeyRings(settings.keys)
  const inForce = { settings }
  const overload = open(openOverload(settings.overload, write))
  const common = { settings, inForce, secrets, keyRings, log: write, overload, issuers: () => policy.current.issuers }
  const expiries = new Expiries()
  const expiryWatch = open(new ExpiryWatch(expiries, write))
  const { redis, node } = settings

  const check = (snapshot: Snapshot) => checkPolicyNeeds({ ...settings, keys: keyRings.current }, snapshot)
  const redisSource = redis && currentRedis(redis, () => inForce.settings.redis, secrets)
  const { policy, activePolicy } = await openNodePolicy({ ...common, redisSource, check })
  const clientCertificates = openClientCertificates(settings)
  const traffic = new Traffic()
  const targets = open(new TargetRegistry({ log: write, dns: settings.upstreamDns }))
  const emailLists = open(new EmailLists(write))
  const keys = open(new IssuerKeys(common))
  const clients = open(new LoginClients({ ...common, keys }))
  const cluster = open(openNodeCluster({ ...common, redisSource, policy, activePolicy, targets }))
  const link = cluster?.link
  const names = { service: 'gatehouse', version: packageVersion, node: node.id } as const
  const authorization = () => secrets.ofSettings('telemetry.authorization')
  const telemetry = open(await startTelemetry(settings.telemetry, names, log, link, authorization))
  const limits = open(openLimits({ ...common, cluster, rules: () => limitRules(policy.current) }))
  const isKnown = (address: Uint8Array, nowMs: number): boolean => limits.knownAddresses.has(address, nowMs)
  const tokens = open(openTokens({ ...common, keys, link, asked: () => askedIssuers(policy.current), isKnown }))
  const credentials = open(await openCredentials({ ...common, link }))
  const revocable = (): ReadonlyMap<string, IssuerRules> =>
    new Map([...policy.current.issuers, ...(clientCertificates?.issuers ?? [])])
  const revocation = open(
    cluster && openRevocation({ ...common, issuers: revocable, cluster, identify: tokens.identify }),
  )
  const audit = open(cluster && openAudit({ ...common, link: cluster.link, running: cluster.running }))
  const proofs = openProofs({ settings, cluster })
  const pages = new Pages(settings.pages)
  const streams = open(openStreams({ ...common, cluster }))
  const trade = tradeAtIssuer(clients, common.issuers)
  const askClaims = claimsAtIssuer(clients, common.issuers)
  const sessions = open(cluster && revocation && openSessions({ ...common, cluster, revocation, trade, askClaims }))
  const login = openLogin({ ...common, link, sessions: sessions?.sessions, clients, keys })
  const lifetimes = { issuers: () => policy.current.issuers.values(), auditRecentMs: settings.audit.recentMs }
  const isKeyHeld = async (id: string): Promise<boolean> => (await ringKeys.service?.has('policy', id)) !== false
  const revisions = open(
    cluster && activePolicy && openRevisions({ ...common, ...activePolicy, node, cluster, traffic, isKeyHeld }),
  )
  const renewPolicyMacs = revisions && (() => revisions.service.renewMacs())
  const ringKeys = open(openKeys({ ...common, lifetimes, node, cluster, renewPolicyMacs }))
  const reload = open(nodeReload({ ...common, loaded, keyChange: ringKeys.change, credentials, policy, pages }))
  const stated = { expiries: () => policy.current.secretExpiries }
  const ending = [stated, targets, keys, secrets, clientCertificates, sessions?.sessions, reload]
  expiries.add(...ending.filter((each) => each !== undefined))
  const needRedis = { ringKeys, cluster, revocation, audit, sessions, login, activePolicy, revisions }
  const callers = { tokens, clientCertificates, limits, credentials, proofs, streams, emailLists, pages, overload }
  const others = { secrets, reload, policy, traffic, targets, keys, clients, telemetry, expiries, expiryWatch }
  return { settings, lines, write, keyRings, ...others, ...callers, ...needRedis }
}

/** Creates the gate object, which runs the exchanges. It uses the policy that is in force when the node starts. */
function gateOf(rooms: Rooms, followers: PolicyFollowers, lifecycle: Lifecycle): Gate {
  const { settings, policy, limits, tokens, credentials, revocation, sessions, audit, login, telemetry } = rooms
  const { runtime, commit } = policy.begin((snapshot) => preparePolicy(snapshot, followers))
  commit()
  return makeGate(settings, {
    clientCertificates: rooms.clientCertificates,
    limiter: limits.limiter,
    addressLimit: limits.addressLimit,
    knownAddresses: limits.knownAddresses,
    overload: rooms.overload,
    verifier: tokens.verifier,
    clientTokens: tokens.clientTokens,
    proofs: rooms.proofs,
    signer: credentials.signer,
    serviceSecrets: credentials.serviceSecrets,
    exchanges: credentials.exchanges,
    grants: credentials.grants,
    revocations: revocation?.revocations,
    streams: rooms.streams.registry,
    sessions: sessions?.sessions,
    loginService: login,
    pages: rooms.pages,
    audit: audit?.trail,
    recordsFacts: settings.audit.recordsFacts,
    lifecycle,
    checkLifecycle,
    accessLog: { format: accessFormat(settings.log), lines: rooms.lines },
    traffic: rooms.traffic,
    tracer: telemetry.telemetry.tracer,
    runtime,
  })
}

function accessFormat({ access, format }: LoadedSettings['settings']['log']): AccessLog['format'] {
  if (access === 'audit') return 'audit'
  return access ? format : 'off'
}

/** Components that keep state for each issuer, route or service, and therefore follow changes of the policy. */
function followersOf({
  credentials,
  keys,
  clients,
  tokens,
  sessions,
  traffic,
  targets,
  emailLists,
}: Rooms): PolicyFollowers {
  const byIssuer = [keys, clients, tokens, ...(sessions === undefined ? [] : [sessions])]
  return { byIssuer, byRoute: traffic, byService: targets, byCredential: credentials, byEmailList: emailLists }
}

/** One gateway node: opens the rooms, the admin plane and the data plane, and closes them. */
export class GatewayNode {
  readonly #rooms: Rooms
  readonly #gate: Gate
  readonly #policySwitch: PolicySwitch
  readonly #closing: AsyncDisposableStack
  #admin: AdminPlane | undefined
  #listener: Listener | undefined
  #certificates: CertificateReload | undefined
  /** HTTP/2 listener; `undefined` without the setting `listen_h2`. */
  #http2: Http2Listener | undefined
  #stopping: Promise<void> | undefined
  /** True after all listeners are open. Read by the probes. */
  started = false
  #serving = false

  private constructor(rooms: Rooms, closing: AsyncDisposableStack, lifecycle: Lifecycle) {
    const followers = followersOf(rooms)
    this.#rooms = rooms
    this.#closing = closing
    this.#gate = gateOf(rooms, followers, lifecycle)
    this.#policySwitch = new PolicySwitch(this.#gate, followers, rooms.write)
  }

  /**
   * Whether the node is ready. Read by the probes. A node with Redis becomes ready after it has applied the cluster's
   * events, and is not ready while it cannot apply a policy that another node has applied. A later loss of Redis does
   * not make the node unready.
   */
  get ready(): boolean {
    const { cluster, revisions } = this.#rooms
    return this.#serving && cluster?.cluster.caughtUp !== false && revisions?.isBehind !== true
  }

  /**
   * Builds a node and opens its listeners, the data plane last.
   *
   * @param lifecycle  list of phases; only tests set a list other than the standard one
   * @throws {ConfigError} when settings or policy are invalid; no listener is then opened
   */
  static async start(given: LoadedSettings, lifecycle: Lifecycle = standardLifecycle): Promise<GatewayNode> {
    const settings = await withPort(given.settings)
    const loaded = { ...given, settings }
    const lines = new LineWriter(STDOUT)
    const log = new NodeLog(lines, { ...settings.log, node: settings.node.id })
    reportTaskFailures((task, fault, failures) => log.log('error', 'background task failed', { task, fault, failures }))
    for (const warning of settings.warnings) log.log('warn', warning)
    loadUws({ addon: settings.addonSha256, script: settings.addonScriptSha256 })
    const closing = new AsyncDisposableStack()
    const node = new GatewayNode(await openRooms(loaded, lines, log, closing), closing, lifecycle)
    await node.#open()
    return node
  }

  async #open(): Promise<void> {
    const { secrets, reload, policy, cluster, audit, telemetry, write } = this.#rooms
    audit?.trail.open(policy.current.revision)
    // Adopt the admin API last, so that it is closed before the audit log: its calls write audit records.
    this.#admin = this.#closing.adopt(await this.#openAdmin(), (admin) => admin.close())
    telemetry.telemetry.pushMetrics(this.#admin.metrics)
    secrets.watch()
    reload.watch()
    policy.watch(this.#policySwitch)
    this.#rooms.targets.watch()
    this.#closing.defer(() => policy.close())
    this.#http2 = this.#closing.adopt(await this.#openHttp2(), (listener) => listener?.close())
    this.#listener = this.#closing.adopt(await this.#openListener(), (listener) => listener.close())
    this.#certificates = this.#closing.adopt(this.#openCertificateReload(), (reload) => reload.close())
    this.#rooms.expiries.add(...this.#listeners)
    this.#rooms.expiryWatch.start()
    cluster?.cluster.start()
    this.started = true
    this.#serving = true
    write('info', 'node started', this.#listening())
    if (cluster === undefined) {
      write(
        'warn',
        'redis is not set: this node cannot revoke anything, shares no limits with other nodes, and has no audit log',
      )
    }
  }

  /** Number of exchanges in progress. */
  get #inFlight(): number {
    return this.#listeners.reduce((sum, { inFlight }) => sum + inFlight, 0)
  }

  /** Fields of the log line `node started`. */
  #listening(): Readonly<Record<string, unknown>> {
    const { settings, policy } = this.#rooms
    const { listen, listenH2, admin, probes } = settings
    return {
      version: packageVersion,
      listen: hostPort(listen.host, this.#listener!.port),
      ...(listenH2 && { listen_h2: hostPort(listenH2.host, this.#http2!.port) }),
      admin: hostPort(admin.listen.host, this.#admin!.port),
      ...(probes.listen && { probes: hostPort(probes.listen.host, this.#admin!.probesPort!) }),
      ...countsOf(policy.current),
      without_redis: redisOutageText(settings, policy.current),
      relaxations: [...settingsRelaxations(settings), ...relaxationsOf(policy.current)],
    }
  }

  #openListener(): Promise<Listener> {
    const { listen, listenTls, reusePort, request, certificates, clientTls } = this.#rooms.settings
    return Listener.open(this.#gate, {
      ...listen,
      reusePort,
      idleS: Math.ceil(request.idleMs / 1000),
      chunkedIdleS: request.chunkedIdleMs / 1000,
      certificates: listenTls ? certificates : [],
      // Pass no CAs of client certificates to a listener without TLS: it has no handshake in which a client could
      // present a certificate.
      clientTrust: listenTls ? clientTls?.trust : undefined,
    })
  }

  /** The open listeners of the data plane. */
  get #listeners(): readonly (Listener | Http2Listener)[] {
    return [this.#listener, this.#http2].filter((listener) => listener !== undefined)
  }

  #openCertificateReload(): CertificateReload {
    const { settings, clientCertificates, write } = this.#rooms
    const listeners = settings.listenTls ? this.#listeners : this.#listeners.filter((each) => each !== this.#listener)
    return new CertificateReload({ settings, listeners, clientCertificates, log: write })
  }

  async #openHttp2(): Promise<Http2Listener | undefined> {
    const { listenH2, reusePort, request, certificates, clientTls } = this.#rooms.settings
    if (listenH2 === undefined) return undefined
    return Http2Listener.open(this.#gate, {
      ...listenH2,
      reusePort,
      idleMs: request.idleMs,
      certificates: listenH2.tls ? certificates : undefined,
      clientTrust: listenH2.tls ? clientTls?.trust : undefined,
    })
  }

  /** Publishes and merges summaries of the traffic. */
  #openTraffic(): TrafficSummaries {
    const { settings, traffic, cluster } = this.#rooms
    const summaries = new TrafficSummaries({
      node: settings.node.id,
      windows: new TrafficWindows(() => traffic.routes()),
      serviceOf: serviceLookup(() => this.#gate.runtime.snapshot),
      inFlight: () => {
        const counts = new Map<string, number>()
        for (const listener of this.#listeners) listener.countByRoute(counts)
        return counts
      },
      shared: cluster && { client: cluster.client, keys: cluster.link.keys, members: cluster.running },
    })
    return this.#closing.adopt(summaries, (each) => each.close())
  }

  #openAdmin(): Promise<AdminPlane> {
    const { settings, secrets, keys, limits, tokens, telemetry, traffic, lines, write, streams, login } = this.#rooms
    const { expiries, expiryWatch, credentials, reload, targets, activePolicy, sessions, revisions } = this.#rooms
    const { admin, probes, request, warnings } = settings
    const node = new NodeReadings({
      gate: this.#gate,
      version: packageVersion,
      state: this,
      history: this.#policySwitch.history,
      issuerKeys: keys,
      verifier: tokens.verifier,
      listeners: () => this.#listeners,
      http2: () => this.#http2?.counts,
      grants: credentials.grants,
      lines,
      overload: this.#rooms.overload,
      targets,
      expiries,
      warnings,
      relaxations: settingsRelaxations(settings),
    })
    const explainer = new NodeExplainer({
      gate: this.#gate,
      issuerKeys: keys,
      limits: limits.service,
      sessions: sessions?.sessions,
      tokenMaxBytes: request.tokenMaxBytes,
      acceptsHttp2: settings.listenH2 !== undefined,
    })
    const policies = new CompiledPolicies()
    const doctor = new Doctor(() => {
      const loaded = reload.inForce
      const { snapshot } = this.#gate.runtime
      return { loaded, snapshot, checkFiles: () => checkNextStart(loaded, (...of) => policies.at(...of, snapshot)) }
    })
    const { recent, sources } = telemetry
    const requests = [tokens.clientTokens.counts, credentials.exchanges.counts]
    const traces = recent && { recent, link: settings.telemetry.traces?.link }
    const inventory = () =>
      secretInventory({
        secrets: [...secrets.list(), ...targets.files()],
        keySources: reload.keySources,
        expiries: expiries.list(),
      })
    const reads = { secrets: inventory, node, limits: limits.service, explainer, doctor, streams: streams.registry }
    const dependencies = { ...reads, traffic: this.#openTraffic(), shared: sharedOf(this.#rooms), traces }
    const metrics = [
      ...(activePolicy ? [activePolicy.policy] : []),
      ...(revisions ? [revisions.metrics] : []),
      traffic,
      limitMetrics(limits.limiter),
      ...requests,
      credentials.grants,
      ...(login ? [login.counts] : []),
      expiryWatch,
      this.#rooms.overload,
      ...sources,
    ]
    return AdminPlane.open(dependencies, metrics, {
      admin,
      secrets,
      sessions: openConsoleSessions(this.#rooms.keyRings, this.#rooms.cluster?.link),
      probes,
      tokenMaxBytes: request.tokenMaxBytes,
      log: write,
    })
  }

  /**
   * Reads settings, keys, secrets and certificates again, checks for a changed policy, and retries a rejected policy. A
   * settings file with an error, or without a key that is in use, changes nothing.
   */
  async reload(): Promise<void> {
    const { reload, secrets, policy, targets } = this.#rooms
    // Do not reload while the node stops: new certificates would open its listener again.
    if (this.#stopping !== undefined || !(await reload.reload())) return
    secrets.reload()
    policy.reload()
    targets.reload(true)
    if (this.#stopping === undefined) this.#certificates?.reload()
  }

  /**
   * Stops gracefully: the node reports not ready, waits until load balancers have noticed, closes the listener, closes
   * each connection after its reply, and lets running exchanges finish. Resolves when all components are closed. A
   * second call waits for the first call.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#drain()
    return this.#stopping
  }

  async #drain(): Promise<void> {
    const { settings, lines, write } = this.#rooms
    const listener = this.#listener!
    this.#serving = false
    write('info', 'node stops and waits for running exchanges', { in_flight: this.#inFlight })
    await sleep(settings.drainDelayMs)
    // Stop the reload first: new certificates would open the listener again.
    this.#certificates?.close()
    listener.stopListening()
    this.#http2?.stopListening()
    this.#gate.draining = true
    listener.endWebSockets(Math.min(settings.drainTimeoutMs / 2, WEBSOCKETS_END_MS))
    const left = await quiet(() => this.#inFlight, performance.now() + settings.drainTimeoutMs)
    if (left > 0 && this.#http2 !== undefined) {
      this.#http2.endCalls()
      await quiet(() => this.#inFlight, performance.now() + CALLS_END_MS)
    }
    await this.#closing.disposeAsync()
    write('info', 'node stopped', { cut_off: left })
    await lines.end()
  }

  /** Closes all components without a drain, and cuts off the running exchanges. Tests end their nodes in this way. */
  async close(): Promise<void> {
    this.#certificates?.close()
    this.#listener?.stopListening()
    this.#http2?.stopListening()
    await this.#closing.disposeAsync()
    await this.#rooms.lines.end()
  }

  /** Writes pending log lines and audit records before a second signal ends the process immediately. */
  stopAtOnce(): void {
    this.#rooms.write('warn', 'node stopped immediately by a second signal', { cut_off: this.#inFlight })
    this.#flush()
  }

  /** Writes pending log lines and audit records before a fault ends the process. */
  crash(error: unknown): void {
    this.#rooms.write('error', 'node ends because of an unexpected fault', {
      fault: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
    this.#flush()
  }

  #flush(): void {
    this.#rooms.audit?.trail.flushSync()
    this.#rooms.lines.flushSync()
  }
}

/** Returns the service of a route of the policy in force, from a map that is made once for each policy. */
function serviceLookup(current: () => Snapshot): (route: string) => string | undefined {
  let known: Snapshot | undefined
  let services: ReadonlyMap<string, string> = new Map()
  return (route) => {
    const snapshot = current()
    if (snapshot !== known) services = new Map(snapshot.routes.map(({ id, service }) => [id, service.id]))
    known = snapshot
    return services.get(route)
  }
}

/** Components that the admin API uses and that need Redis; `undefined` on a node without Redis. */
function sharedOf({
  ringKeys,
  cluster,
  revocation,
  audit,
  sessions,
  streams,
  limits,
  revisions,
  policy: inForce,
  settings: { policy, sinks },
}: Rooms): SharedDependencies | undefined {
  const { ender, summaries } = streams
  const { summaries: limitSummaries } = limits
  if (cluster === undefined || revocation === undefined || audit === undefined) return undefined
  if (ender === undefined || summaries === undefined || limitSummaries === undefined) return undefined
  if (ringKeys.service === undefined) return undefined
  return {
    cluster: cluster.cluster,
    redisMemory: cluster.memory,
    revocations: revocation.revocations,
    revocationService: revocation.service,
    streamEnder: ender,
    streamSummaries: summaries,
    limitSummaries,
    audit: audit.service,
    trail: audit.trail,
    auditVerifier: audit.verifier,
    sessions: sessions?.sessions,
    sessionCount: sessions?.count,
    drains: cluster.drains,
    keys: ringKeys.service,
    queues: new JobQueueList({ link: cluster.link, current: () => inForce.current, sinks }),
    revisions: revisions?.service,
    policyOwners: policy.source === 'cluster' ? policy.owners : {},
    rollouts: revisions?.rollouts,
  }
}
