import { type AddressInfo, createServer } from 'node:net'
import { AdminPlane } from './admin/admin-plane.ts'
import { limitMetrics } from './admin/limit-metrics.ts'
import { NodeReadings } from './admin/node-readings.ts'
import { relaxationsOf } from './admin/relaxations.ts'
import { denial } from './base/denial.ts'
import type { LimitRule } from './base/limit-rule.ts'
import { Sealer } from './base/sealer.ts'
import { packageVersion } from './base/version.ts'
import { readCertificate } from './config/certificates.ts'
import { ConfigError } from './config/problem.ts'
import type { Settings } from './config/settings.ts'
import { AssertionSigner } from './credentials/assertion.ts'
import { Listener } from './http/listener.ts'
import { loadUws } from './http/uws.ts'
import { IssuerKeys } from './issuers/issuer-keys.ts'
import { LoginClients } from './issuers/login-clients.ts'
import { AddressLimit } from './limits/address-limit.ts'
import { LimitDesk } from './limits/limit-desk.ts'
import { Limiter } from './limits/limiter.ts'
import { LoginDesk, type LoginDeskParts } from './login/login-desk.ts'
import type { Gate, Runtime } from './pipeline/gate.ts'
import { checkLifecycle, lifecycle as standardLifecycle } from './pipeline/lifecycle.ts'
import { Proxies } from './pipeline/proxies.ts'
import { PublicUrls } from './pipeline/public-urls.ts'
import type { Lifecycle } from './pipeline/steps.ts'
import { PolicyFile } from './policy/policy-file.ts'
import type { Snapshot } from './policy/snapshot.ts'
import { requireNeeds } from './policy-needs.ts'
import { tradeAtIssuer } from './sessions/trade-at-issuer.ts'
import { hostPort, type Shared, share } from './share.ts'
import { LineWriter } from './telemetry/line-writer.ts'
import { NodeLog } from './telemetry/node-log.ts'
import { Traffic } from './telemetry/traffic.ts'
import { Introspection } from './tokens/introspection.ts'
import { TokenVerifier } from './tokens/verifier.ts'
import { type StartedTelemetry, startTelemetry } from './traces/start-telemetry.ts'
import { TargetRegistry } from './upstream/target-registry.ts'

const STDOUT = 1
const DRAIN_POLL_MS = 25
/** So long no exchange may have been under way before a drained node closes what is left. */
const QUIET_MS = 300

/** One gateway node: everything that makes it, in the order of construction. The only file that constructs. */
export class GatewayNode {
  readonly #settings: Settings
  readonly #log: NodeLog
  readonly #lines: LineWriter
  readonly #issuerKeys: IssuerKeys
  readonly #targets: TargetRegistry
  readonly #policyFile: PolicyFile
  readonly #gate: Gate
  /** `undefined`: the node stands alone. */
  readonly #shared: Shared | undefined
  readonly #verifier: TokenVerifier
  readonly #introspection: Introspection
  readonly #telemetry: StartedTelemetry
  readonly #loginClients: LoginClients
  readonly #policyHistory = { loadedAtMs: Date.now(), rejected: 0 }
  #listener: Listener | undefined
  #admin: AdminPlane | undefined
  #stopping: Promise<void> | undefined
  /** Read by the probes. */
  started = false
  #serving = false

  private constructor(parts: {
    settings: Settings
    log: NodeLog
    lines: LineWriter
    issuerKeys: IssuerKeys
    targets: TargetRegistry
    policyFile: PolicyFile
    gate: Gate
    shared: Shared | undefined
    verifier: TokenVerifier
    introspection: Introspection
    telemetry: StartedTelemetry
    loginClients: LoginClients
  }) {
    this.#settings = parts.settings
    this.#log = parts.log
    this.#lines = parts.lines
    this.#issuerKeys = parts.issuerKeys
    this.#targets = parts.targets
    this.#policyFile = parts.policyFile
    this.#gate = parts.gate
    this.#shared = parts.shared
    this.#verifier = parts.verifier
    this.#introspection = parts.introspection
    this.#telemetry = parts.telemetry
    this.#loginClients = parts.loginClients
  }

  /** Read by the probes. A node of a cluster first takes in what the others know; losing Redis later is no reason. */
  get ready(): boolean {
    return this.#serving && this.#shared?.cluster.caughtUp !== false
  }

  /**
   * Builds a node and opens its listeners, the data plane last.
   *
   * @param lifecycle  another than the standard one only in tests that take a phase out
   * @throws {ConfigError} when settings or policy do not hold: nothing listens then
   */
  static async start(given: Settings, lifecycle: Lifecycle = standardLifecycle): Promise<GatewayNode> {
    const settings = await withPort(given)
    const lines = new LineWriter(STDOUT)
    const log = new NodeLog(lines, { ...settings.log, node: settings.node.id })
    for (const warning of settings.warnings) log.log('warn', warning)

    loadUws(settings.addonSha256)
    const policyFile = new PolicyFile(settings.policy.path)
    const snapshot = policyFile.load()
    requireNeeds(settings, snapshot)

    const publicUrls = new PublicUrls(settings.publicUrls)
    const signer =
      settings.keys.assertion.length === 0
        ? undefined
        : await AssertionSigner.create(settings.keys.assertion, { issuer: publicUrls.primary })
    const write = log.log.bind(log)
    const issuerKeys = new IssuerKeys({ log: write })
    issuerKeys.retain(snapshot.issuers.values())
    const loginClients = new LoginClients({ keys: issuerKeys, log: write })
    loginClients.retain(snapshot.issuers.values())
    const targets = new TargetRegistry()
    const addressLimit = new AddressLimit(settings.addressLimit)
    const shared =
      settings.redis &&
      share(settings, settings.redis, log, () => gate.runtime.snapshot, {
        trade: tradeAtIssuer(loginClients, () => gate.runtime.snapshot.issuers),
      })
    shared?.sessionQueue.retain(snapshot.issuers.values())
    const names = { service: 'gatehouse', version: packageVersion, node: settings.node.id } as const
    const telemetry = await startTelemetry(settings.telemetry, names, log, shared?.link)
    const { encryption } = settings.keys
    const introspection = new Introspection({ keys: issuerKeys, encryption, link: shared?.link, log: write })
    introspection.retain([...snapshot.issuers.values()])
    const permits = shared?.permits
    const limiter = new Limiter({ store: permits, ...(shared && { members: () => shared.members.last }) })
    const verifier = new TokenVerifier({
      keys: issuerKeys,
      cacheEntries: settings.tokens.cacheEntries,
      tokenMaxBytes: settings.request.tokenMaxBytes,
      answers: introspection.answers,
      refresh: introspection.refresh,
    })
    const gate: Gate = {
      node: settings.node.id,
      limits: {
        targetMaxBytes: settings.request.targetMaxBytes,
        headMaxBytes: settings.request.headMaxBytes,
        fieldsMax: settings.request.fieldsMax,
      },
      scheme: settings.certificates.length === 0 ? 'http' : 'https',
      publicUrls,
      proxies: settings.proxies.length === 0 ? undefined : new Proxies(settings),
      addressLimit,
      limiter,
      addressLimited: denial('address-limited', { fields: [['retry-after', String(addressLimit.retryAfterS)]] }),
      sessions: shared?.sessions,
      loginDesk: shared && loginDeskOf(settings, shared, { clients: loginClients, keys: issuerKeys, log: write }),
      verifier,
      revocations: shared?.revocations,
      signer,
      lifecycle,
      checkLifecycle,
      accessLog: { format: settings.log.access ? settings.log.format : 'off', lines },
      traffic: new Traffic(),
      tracer: telemetry.telemetry.tracer,
      audit: shared?.trail,
      runtime: runtimeOf(snapshot, targets),
      draining: false,
    }
    const node = new GatewayNode({
      settings,
      log,
      lines,
      issuerKeys,
      targets,
      policyFile,
      gate,
      shared,
      verifier,
      introspection,
      telemetry,
      loginClients,
    })
    gate.traffic.retain(snapshot.routes.map(({ id }) => id))
    await node.#open()
    return node
  }

  async #open(): Promise<void> {
    const { listen, admin, probes, reusePort, request, certificates } = this.#settings
    this.#shared?.trail.open(this.#gate.runtime.snapshot.revision)
    this.#admin = await this.#openAdmin()
    this.#telemetry.telemetry.pushMetrics(this.#admin.metrics)
    this.#policyFile.watch(this.#policyEvents)
    this.#listener = new Listener(this.#gate, {
      ...listen,
      reusePort,
      idleS: Math.ceil(request.idleMs / 1000),
      certificates,
    })
    this.#shared?.cluster.start()
    this.started = true
    this.#serving = true
    const { snapshot } = this.#gate.runtime
    this.#log.log('info', 'listening', {
      version: packageVersion,
      listen: hostPort(listen.host, this.#listener.port),
      admin: hostPort(admin.listen.host, this.#admin.port),
      ...(probes.listen && { probes: hostPort(probes.listen.host, this.#admin.probesPort!) }),
      revision: snapshot.revision,
      services: snapshot.services.length,
      routes: snapshot.routes.length,
      relaxations: relaxationsOf(snapshot),
    })
    if (this.#shared === undefined) {
      this.#log.log(
        'warn',
        'without redis the node stands alone: nothing can be revoked, no limit is shared, there is no audit log',
      )
    }
  }

  #openAdmin(): Promise<AdminPlane> {
    const { admin, probes, request, warnings } = this.#settings
    const node = new NodeReadings({
      gate: this.#gate,
      version: packageVersion,
      state: this,
      history: this.#policyHistory,
      issuerKeys: this.#issuerKeys,
      verifier: this.#verifier,
      listener: () => this.#listener,
      lines: this.#lines,
      warnings,
    })
    const { limiter, traffic } = this.#gate
    const limits = new LimitDesk(limiter, this.#shared?.permits, () => this.#limitRules())
    const { recent, sources } = this.#telemetry
    const traces = recent && { recent, link: this.#settings.telemetry.traces?.link }
    const parts = { node, limits, shared: this.#shared, traces }
    return AdminPlane.open(parts, [traffic, limitMetrics(limiter), ...sources], {
      admin,
      probes,
      tokenMaxBytes: request.tokenMaxBytes,
      log: (level, message, fields) => this.#log.log(level, message, fields),
    })
  }

  *#limitRules(): Generator<LimitRule> {
    for (const { limits } of this.#gate.runtime.snapshot.routes) {
      if (limits !== undefined) yield* [...limits.rules, ...limits.shadows]
    }
  }

  readonly #policyEvents = {
    changed: (snapshot: Snapshot): void => {
      requireNeeds(this.#settings, snapshot)
      this.#introspection.retain([...snapshot.issuers.values()])
      this.#loginClients.retain(snapshot.issuers.values())
      this.#shared?.sessionQueue.retain(snapshot.issuers.values())
      this.#issuerKeys.retain(snapshot.issuers.values())
      this.#gate.runtime = runtimeOf(snapshot, this.#targets)
      this.#gate.traffic.retain(snapshot.routes.map(({ id }) => id))
      this.#policyHistory.loadedAtMs = Date.now()
      this.#log.log('info', 'policy changed', {
        revision: snapshot.revision,
        services: snapshot.services.length,
        routes: snapshot.routes.length,
        relaxations: relaxationsOf(snapshot),
      })
    },
    rejected: (error: unknown): void => {
      this.#policyHistory.rejected++
      this.#log.log('error', 'policy rejected; the one in force stays', {
        revision: this.#gate.runtime.snapshot.revision,
        problems: error instanceof ConfigError ? error.problems : [{ message: String(error) }],
      })
    },
  }

  /** Looks for a changed policy now, not at the next tick of the watch, and reads the certificates again. */
  reload(): void {
    // A node that stops would listen once more, with the new certificates.
    if (this.#stopping !== undefined) return
    this.#policyFile.reload(this.#policyEvents)
    this.#reloadCertificates()
  }

  #reloadCertificates(): void {
    if (this.#settings.certificates.length === 0) return
    try {
      const certificates = this.#settings.certificates.map(readCertificate)
      this.#listener!.replaceCertificates(certificates)
      this.#log.log('info', 'certificates read', { names: certificates.flatMap(({ names }) => names) })
    } catch (error) {
      this.#log.log('error', 'certificates rejected; those in force stay', { problem: (error as Error).message })
    }
  }

  /**
   * Stops in order: not ready, wait for balancers to notice, close the listener, end connections with what is answered,
   * let exchanges under way come to their end. Resolves when all is closed; a second call waits for the first.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#drain()
    return this.#stopping
  }

  async #drain(): Promise<void> {
    const { drainDelayMs, drainTimeoutMs } = this.#settings
    this.#serving = false
    this.#log.log('info', 'draining', { in_flight: this.#listener!.inFlight })
    await sleep(drainDelayMs)
    this.#listener!.stopListening()
    this.#gate.draining = true
    const left = await this.#quiet(performance.now() + drainTimeoutMs)
    this.#listener!.close()
    await this.#gate.limiter.close()
    await this.#introspection.close()
    // Before the audit log, which has every call.
    await this.#admin!.close()
    await this.#telemetry.close()
    await this.#shared?.close()
    await this.#loginClients.close()
    this.#policyFile.close()
    this.#targets.close()
    await this.#issuerKeys.close()
    this.#log.log('info', 'stopped', { cut_off: left })
    await this.#lines.end()
  }

  /** Waits until nothing has been under way for a moment: kept connections get their last reply in that time. */
  async #quiet(deadlineAt: number): Promise<number> {
    let quietSince = performance.now()
    for (;;) {
      await sleep(DRAIN_POLL_MS)
      const now = performance.now()
      const { inFlight } = this.#listener!
      if (inFlight > 0) quietSince = now
      if (now - quietSince >= QUIET_MS || now >= deadlineAt) return inFlight
    }
  }

  /** The process is about to end, whatever is under way: what is pending in the log is written. */
  stopAtOnce(): void {
    this.#log.log('warn', 'stopped at once, by a second signal', { cut_off: this.#listener!.inFlight })
    this.#shared?.trail.flushSync()
    this.#lines.flushSync()
  }

  /** The process is about to end by a fault: what is pending in the log is written. */
  crash(error: unknown): void {
    this.#log.log('error', 'node failed', {
      fault: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
    this.#shared?.trail.flushSync()
    this.#lines.flushSync()
  }
}

/** Port 0 is any free one: found now, since the public URL and with it the assertions name it. */
async function withPort(settings: Settings): Promise<Settings> {
  const { listen, publicUrls } = settings
  if (listen.port !== 0) return settings
  const port = await freePort(listen.host)
  return {
    ...settings,
    listen: { ...listen, port },
    publicUrls: publicUrls.map((url) => url.replace(/:0$/, `:${port}`)),
  }
}

async function freePort(host: string | undefined): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function runtimeOf(snapshot: Snapshot, targets: TargetRegistry): Runtime {
  return { snapshot, balancers: targets.replace(snapshot.services) }
}

function loginDeskOf(
  { keys: { encryption } }: Settings,
  { link, sessions, desk }: Shared,
  parts: Pick<LoginDeskParts, 'clients' | 'keys' | 'log'>,
): LoginDesk | undefined {
  const [first, ...others] = encryption
  if (first === undefined || sessions === undefined) return undefined
  const sealer = new Sealer([first, ...others])
  return new LoginDesk({ ...parts, link, sealer, sessions, revoke: (order, options) => desk.revoke(order, options) })
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
