import { performance } from 'node:perf_hooks'
import { AdminPlane } from './admin/admin-plane.ts'
import { limitMetrics } from './admin/limit-metrics.ts'
import { NodeReadings } from './admin/node-readings.ts'
import { relaxationsOf, settingsRelaxations } from './admin/relaxations.ts'
import type { Commit } from './base/commit.ts'
import { denial } from './base/denial.ts'
import type { LimitRule } from './base/limit-rule.ts'
import { Sealer } from './base/sealer.ts'
import { reportTaskFailures } from './base/supervisor.ts'
import { packageVersion } from './base/version.ts'
import { readCertificate } from './config/certificates.ts'
import { ConfigError } from './config/problem.ts'
import type { Settings } from './config/settings.ts'
import { connectRedis, hostPort, type RedisRooms } from './connect-redis.ts'
import { AssertionSigner } from './credentials/assertion.ts'
import { NodeExplainer } from './explain/node-explainer.ts'
import { type PolicyFollowers, preparePolicy } from './follow-policy.ts'
import { Listener } from './http/listener.ts'
import { loadUws } from './http/uws.ts'
import { IssuerKeys } from './issuers/issuer-keys.ts'
import { LoginClients } from './issuers/login-clients.ts'
import { AddressLimit } from './limits/address-limit.ts'
import { KnownAddresses } from './limits/known-addresses.ts'
import { LimitService } from './limits/limit-service.ts'
import { Limiter } from './limits/limiter.ts'
import { LoginService, type LoginServiceDependencies } from './login/login-service.ts'
import type { IssuerRules } from './oauth/token-facts.ts'
import { Proxies } from './pipeline/client-address/proxies.ts'
import { PublicUrls } from './pipeline/exchange/public-urls.ts'
import type { Lifecycle } from './pipeline/exchange/steps.ts'
import type { Gate } from './pipeline/gate.ts'
import { checkLifecycle, lifecycle as standardLifecycle } from './pipeline/lifecycle.ts'
import { PolicyFile } from './policy/policy-file.ts'
import type { Snapshot } from './policy/snapshot.ts'
import { requireNeeds } from './policy-needs.ts'
import { withPort } from './port.ts'
import { tradeAtIssuer } from './sessions/trade-at-issuer.ts'
import { LineWriter } from './telemetry/line-writer.ts'
import { NodeLog } from './telemetry/node-log.ts'
import { Traffic } from './telemetry/traffic.ts'
import { Introspection } from './tokens/introspection.ts'
import { OpaqueTokens } from './tokens/opaque-tokens.ts'
import { TokenVerifier } from './tokens/verifier.ts'
import { type StartedTelemetry, startTelemetry } from './traces/start-telemetry.ts'
import { TargetRegistry } from './upstream/target-registry.ts'

const STDOUT = 1
const DRAIN_POLL_MS = 25
/** Time without running exchanges after which a drained node closes the remaining connections, ms. */
const QUIET_MS = 300

/** Components of a node. */
interface Rooms {
  readonly settings: Settings
  readonly log: NodeLog
  readonly lines: LineWriter
  readonly issuerKeys: IssuerKeys
  readonly loginClients: LoginClients
  readonly targets: TargetRegistry
  readonly policyFile: PolicyFile
  readonly gate: Gate
  /** `undefined`: the node runs without Redis. */
  readonly shared: RedisRooms | undefined
  readonly verifier: TokenVerifier
  readonly introspection: Introspection
  readonly telemetry: StartedTelemetry
}

/** One gateway node: constructs all components, in order. Only this file constructs them. */
export class GatewayNode {
  readonly #rooms: Rooms
  readonly #policyHistory = { loadedAtMs: Date.now(), rejected: 0 }
  #listener: Listener | undefined
  #admin: AdminPlane | undefined
  #stopping: Promise<void> | undefined
  /** Read by the probes. */
  started = false
  #serving = false

  private constructor(rooms: Rooms) {
    this.#rooms = rooms
  }

  /**
   * Read by the probes. A node with Redis becomes ready after it has caught up with the cluster's events. A later loss
   * of Redis does not change this.
   */
  get ready(): boolean {
    return this.#serving && this.#rooms.shared?.cluster.caughtUp !== false
  }

  /**
   * Builds a node and opens its listeners, the data plane last.
   *
   * @param lifecycle  list of phases; only tests that remove a phase set another list than the standard one
   * @throws {ConfigError} when settings or policy are invalid: then no listener is opened
   */
  static async start(given: Settings, lifecycle: Lifecycle = standardLifecycle): Promise<GatewayNode> {
    const settings = await withPort(given)
    const lines = new LineWriter(STDOUT)
    const log = new NodeLog(lines, { ...settings.log, node: settings.node.id })
    reportTaskFailures((task, fault, failures) => log.log('error', 'background task failed', { task, fault, failures }))
    for (const warning of settings.warnings) log.log('warn', warning)

    loadUws({ addon: settings.addonSha256, script: settings.addonScriptSha256 })
    const policyFile = new PolicyFile(settings.policy.path, settings.publicUrls)
    const snapshot = policyFile.load()
    requireNeeds(settings, snapshot)

    const publicUrls = new PublicUrls(settings.publicUrls)
    const signer =
      settings.keys.assertion.length === 0
        ? undefined
        : await AssertionSigner.create(settings.keys.assertion, { issuer: publicUrls.primary })
    const write = log.log.bind(log)
    const issuerKeys = new IssuerKeys({ log: write })
    const loginClients = new LoginClients({ keys: issuerKeys, log: write })
    const targets = new TargetRegistry()
    const addressLimit = new AddressLimit(settings.addressLimit)
    const knownAddresses = new KnownAddresses()
    const shared: RedisRooms | undefined =
      settings.redis &&
      connectRedis(
        settings,
        settings.redis,
        log,
        () => gate.runtime.snapshot,
        { trade: tradeAtIssuer(loginClients, () => gate.runtime.snapshot.issuers) },
        (token, issuer) => opaqueTokens.identify(token, issuer),
      )
    const names = { service: 'gatehouse', version: packageVersion, node: settings.node.id } as const
    const telemetry = await startTelemetry(settings.telemetry, names, log, shared?.link)
    const { encryption } = settings.keys
    const introspection = new Introspection({ keys: issuerKeys, encryption, link: shared?.link, log: write })
    const opaqueTokens = new OpaqueTokens({
      answers: introspection.answers,
      asked: () => askedBy(gate.runtime.snapshot),
    })
    const permits = shared?.permits
    const limiter = new Limiter({ store: permits, ...(shared && { members: () => shared.members.last }) })
    const verifier = new TokenVerifier({
      keys: issuerKeys,
      cacheEntries: settings.tokens.cacheEntries,
      tokenMaxBytes: settings.request.tokenMaxBytes,
      answers: introspection.answers,
      refresh: introspection.refresh,
      isKnown: (address, nowMs) => knownAddresses.has(address, nowMs),
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
      proxies: settings.proxies.length + settings.checkPeers.length === 0 ? undefined : new Proxies(settings),
      addressLimit,
      knownAddresses,
      limiter,
      addressLimited: denial('address-limited', { fields: [['retry-after', String(addressLimit.retryAfterS)]] }),
      sessions: shared?.sessions,
      loginService:
        shared && openLoginService(settings, shared, { clients: loginClients, keys: issuerKeys, log: write }),
      verifier,
      revocations: shared?.revocations,
      signer,
      lifecycle,
      checkLifecycle,
      accessLog: { format: settings.log.access ? settings.log.format : 'off', lines },
      traffic: new Traffic(),
      tracer: telemetry.telemetry.tracer,
      audit: shared?.trail,
      // The balancers are set below, with all other components that follow the policy.
      runtime: { snapshot, balancers: [] },
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
    const { runtime, commit } = preparePolicy(snapshot, node.#followers)
    commit()
    gate.runtime = runtime
    await node.#open()
    return node
  }

  async #open(): Promise<void> {
    const { listen, admin, probes, reusePort, request, certificates } = this.#rooms.settings
    this.#rooms.shared?.trail.open(this.#rooms.gate.runtime.snapshot.revision)
    this.#admin = await this.#openAdmin()
    this.#rooms.telemetry.telemetry.pushMetrics(this.#admin.metrics)
    this.#rooms.policyFile.watch(this.#policyEvents)
    this.#listener = new Listener(this.#rooms.gate, {
      ...listen,
      reusePort,
      idleS: Math.ceil(request.idleMs / 1000),
      chunkedIdleS: request.chunkedIdleMs / 1000,
      certificates,
    })
    this.#rooms.shared?.cluster.start()
    this.started = true
    this.#serving = true
    const { snapshot } = this.#rooms.gate.runtime
    this.#rooms.log.log('info', 'listening', {
      version: packageVersion,
      listen: hostPort(listen.host, this.#listener.port),
      admin: hostPort(admin.listen.host, this.#admin.port),
      ...(probes.listen && { probes: hostPort(probes.listen.host, this.#admin.probesPort!) }),
      revision: snapshot.revision,
      services: snapshot.services.length,
      routes: snapshot.routes.length,
      relaxations: [...settingsRelaxations(this.#rooms.settings), ...relaxationsOf(snapshot)],
    })
    if (this.#rooms.shared === undefined) {
      this.#rooms.log.log(
        'warn',
        'without redis the node stands alone: nothing can be revoked, no limit is shared, there is no audit log',
      )
    }
  }

  #openAdmin(): Promise<AdminPlane> {
    const { admin, probes, request, warnings } = this.#rooms.settings
    const { gate, issuerKeys } = this.#rooms
    const node = new NodeReadings({
      gate,
      version: packageVersion,
      state: this,
      history: this.#policyHistory,
      issuerKeys,
      verifier: this.#rooms.verifier,
      listener: () => this.#listener,
      lines: this.#rooms.lines,
      warnings,
      relaxations: settingsRelaxations(this.#rooms.settings),
    })
    const { limiter, traffic } = gate
    const limits = new LimitService(limiter, this.#rooms.shared?.permits, () => this.#limitRules())
    const explainer = new NodeExplainer({ gate, issuerKeys, limits, tokenMaxBytes: request.tokenMaxBytes })
    const { recent, sources } = this.#rooms.telemetry
    const traces = recent && { recent, link: this.#rooms.settings.telemetry.traces?.link }
    const rooms = { node, limits, explainer, shared: this.#rooms.shared, traces }
    return AdminPlane.open(rooms, [traffic, limitMetrics(limiter), ...sources], {
      admin,
      probes,
      tokenMaxBytes: request.tokenMaxBytes,
      log: (level, message, fields) => this.#rooms.log.log(level, message, fields),
    })
  }

  get #followers(): PolicyFollowers {
    const { issuerKeys, loginClients, introspection, shared, gate, targets } = this.#rooms
    const { traffic } = gate
    return { issuerKeys, loginClients, introspection, sessionQueue: shared?.sessionQueue, traffic, targets }
  }

  *#limitRules(): Generator<LimitRule> {
    for (const { limits } of this.#rooms.gate.runtime.snapshot.routes) {
      if (limits !== undefined) yield* [...limits.rules, ...limits.shadows]
    }
  }

  readonly #policyEvents = {
    prepare: (snapshot: Snapshot): Commit => {
      requireNeeds(this.#rooms.settings, snapshot)
      const { runtime, commit } = preparePolicy(snapshot, this.#followers)
      const { revision, services, routes } = snapshot
      const fields = {
        revision,
        services: services.length,
        routes: routes.length,
        relaxations: relaxationsOf(snapshot),
      }
      return () => {
        commit()
        this.#rooms.gate.runtime = runtime
        this.#policyHistory.loadedAtMs = Date.now()
        this.#rooms.log.log('info', 'policy changed', fields)
      }
    },
    rejected: (error: unknown): void => {
      this.#policyHistory.rejected++
      this.#rooms.log.log('error', 'policy rejected; the one in force stays', {
        revision: this.#rooms.gate.runtime.snapshot.revision,
        problems: error instanceof ConfigError ? error.problems : [{ message: String(error) }],
      })
    },
    restored: (): void => {
      this.#rooms.log.log('info', 'policy restored', { revision: this.#rooms.gate.runtime.snapshot.revision })
    },
  }

  /** Checks for a changed policy, retries a rejected one, and reads the certificates again. */
  reload(): void {
    // A stopping node would open its listener again, with the new certificates.
    if (this.#stopping !== undefined) return
    this.#rooms.policyFile.reload(this.#policyEvents, true)
    this.#reloadCertificates()
  }

  #reloadCertificates(): void {
    if (this.#rooms.settings.certificates.length === 0) return
    try {
      const certificates = this.#rooms.settings.certificates.map(readCertificate)
      const changed = this.#listener!.replaceCertificates(certificates)
      this.#rooms.log.log('info', changed ? 'certificates read' : 'certificates unchanged', {
        names: certificates.flatMap(({ names }) => names),
      })
    } catch (error) {
      this.#rooms.log.log('error', 'certificates rejected; those in force stay', { problem: (error as Error).message })
    }
  }

  /**
   * Stops gracefully: reports not ready, waits for load balancers to notice, closes the listener, closes each
   * connection after its reply, and lets running exchanges finish. Resolves when everything is closed. A second call
   * waits for the first.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#drain()
    return this.#stopping
  }

  async #drain(): Promise<void> {
    const { settings, log, lines, gate, shared, telemetry, ...rooms } = this.#rooms
    const { drainDelayMs, drainTimeoutMs } = settings
    this.#serving = false
    log.log('info', 'draining', { in_flight: this.#listener!.inFlight })
    await sleep(drainDelayMs)
    this.#listener!.stopListening()
    gate.draining = true
    const left = await this.#quiet(performance.now() + drainTimeoutMs)
    this.#listener!.close()
    await gate.limiter.close()
    await rooms.introspection.close()
    // Close the admin plane before the audit log, because its calls write audit records.
    await this.#admin!.close()
    await telemetry.close()
    await shared?.close()
    await rooms.loginClients.close()
    rooms.policyFile.close()
    rooms.targets.close()
    await rooms.issuerKeys.close()
    log.log('info', 'stopped', { cut_off: left })
    await lines.end()
  }

  /**
   * Waits until no exchange has run for `QUIET_MS`, in which time kept-alive connections get their last reply.
   *
   * @returns number of exchanges still running at the deadline
   */
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

  /** Writes pending log lines and audit records before the process ends at once, by a second signal. */
  stopAtOnce(): void {
    this.#rooms.log.log('warn', 'stopped at once, by a second signal', { cut_off: this.#listener!.inFlight })
    this.#rooms.shared?.trail.flushSync()
    this.#rooms.lines.flushSync()
  }

  /** Writes pending log lines and audit records before a fault ends the process. */
  crash(error: unknown): void {
    this.#rooms.log.log('error', 'node failed', {
      fault: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
    this.#rooms.shared?.trail.flushSync()
    this.#rooms.lines.flushSync()
  }
}

/** Returns the distinct lists of issuers that routes of a policy ask about opaque tokens. */
function askedBy({ routes }: Snapshot): readonly (readonly IssuerRules[])[] {
  return [...new Set(routes.map(({ introspection }) => introspection.asked))].filter((list) => list.length > 0)
}

function openLoginService(
  { keys: { encryption } }: Settings,
  { link, sessions }: RedisRooms,
  rooms: Pick<LoginServiceDependencies, 'clients' | 'keys' | 'log'>,
): LoginService | undefined {
  const [first, ...others] = encryption
  if (first === undefined || sessions === undefined) return undefined
  const sealer = new Sealer([first, ...others], 'login-state')
  return new LoginService({ ...rooms, link, sealer, sessions })
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
