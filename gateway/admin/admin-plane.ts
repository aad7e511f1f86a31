import type { AdminSettings } from '../config/admin-settings.ts'
import type { ListenAddress } from '../config/listen-address.ts'
import type { Secrets } from '../config/secrets.ts'
import { IssuerKeys } from '../issuers/issuer-keys.ts'
import type { PlainServer } from '../probes/plain-server.ts'
import { instruments } from '../telemetry/instruments.ts'
import { type MetricSource, Metrics } from '../telemetry/metrics.ts'
import { ProcessMetrics } from '../telemetry/process-metrics.ts'
import { TokenVerifier } from '../tokens/verifier.ts'
import { AdminApi } from './admin-api.ts'
import { listenAdmin, listenProbes } from './admin-listener.ts'
import type { AdminLog } from './call-log.ts'
import { CallerAuthenticator } from './caller-authenticator.ts'
import type { AdminDependencies } from './dependencies.ts'
import { ConsoleEndpoints } from './login/console-endpoints.ts'
import type { ConsoleSessions } from './login/console-sessions.ts'
import { OneTimeLinks } from './login/one-time-links.ts'
import { adminIssuerRules, openConsoleLogin } from './login/open-console-login.ts'
import { nodeMetrics } from './node-metrics.ts'
import { sharedMetrics } from './shared-metrics.ts'

export interface AdminPlaneOptions {
  readonly admin: AdminSettings
  readonly secrets: Secrets
  /** Sessions of the console. */
  readonly sessions: ConsoleSessions
  readonly probes: { readonly listen: ListenAddress | undefined }
  readonly tokenMaxBytes: number
  readonly log: AdminLog
}

/**
 * Maximum number of validated admin tokens in the cache. A small number is enough, because only a few operators have
 * such tokens.
 */
const CACHE_ENTRIES = 64

/** Admin plane of a node: admin API, log-in to the console, metrics and probes. Tokens for the admin API come from a separate issuer. */
export class AdminPlane {
  readonly #servers: readonly PlainServer[]
  /** Functions that close the parts of the admin plane, in this order. */
  readonly #closing: readonly (() => Promise<void> | undefined)[]
  readonly #process: ProcessMetrics
  /** All metrics that the path `/metrics` shows. */
  readonly metrics: Metrics

  private constructor(
    servers: readonly PlainServer[],
    closing: readonly (() => Promise<void> | undefined)[],
    processMetrics: ProcessMetrics,
    metrics: Metrics,
  ) {
    this.#servers = servers
    this.#closing = closing
    this.#process = processMetrics
    this.metrics = metrics
  }

  /**
   * Opens the listeners of the admin plane (admin API, metrics and probes).
   *
   * @param sources  metric sources in addition to the node and its process
   * @throws {ListenError} when an address cannot be bound
   */
  static async open(
    dependencies: AdminDependencies,
    sources: readonly MetricSource[],
    { admin, secrets, sessions, probes, tokenMaxBytes, log }: AdminPlaneOptions,
  ): Promise<AdminPlane> {
    const keys = new IssuerKeys({ log })
    const rules = admin.issuer === undefined ? undefined : adminIssuerRules(admin.issuer, admin.login)
    if (rules !== undefined) keys.retain([rules])
    const verifier = new TokenVerifier({ keys, cacheEntries: CACHE_ENTRIES, tokenMaxBytes })
    const issuer = rules && { rules, verifier }
    const bootstrapToken = () => secrets.ofSettings('admin.bootstrap_token')
    const bearers = new CallerAuthenticator({ bootstrapToken, issuer, revocations: dependencies.shared?.revocations })
    const { node } = dependencies
    const login = openConsoleLogin({ bearers, rules, keys, origin: admin.login?.origin, sessions, secrets, log })
    const api = await AdminApi.open(dependencies, login.callers, log)
    const links = admin.oneTimeLinks ? new OneTimeLinks(Date.now) : undefined
    const console = new ConsoleEndpoints({
      ...login,
      bearers,
      accounts: api.accounts,
      links,
      node,
      log,
      nowMs: Date.now,
    })

    const processMetrics = new ProcessMetrics(dependencies.node.version)
    const own = [
      nodeMetrics(dependencies.node, dependencies.streams),
      ...(dependencies.shared === undefined ? [] : [sharedMetrics(dependencies.shared)]),
    ]
    const calls: MetricSource = {
      collect: (sink) => sink.value(instruments.adminUnrecorded, api.accounts.unrecorded, {}),
    }
    const metrics = new Metrics([...sources, ...own, calls, processMetrics])
    const probeSources = { state: dependencies.node, metrics }
    const servers = [
      await listenAdmin({ probes: probeSources, api, console }, { listen: admin.listen, hosts: hostsOf(admin) }),
    ]
    if (probes.listen !== undefined) servers.push(await listenProbes(probeSources, probes.listen))
    const closing = [() => api.close(), () => login.oidc?.close(), () => keys.close()]
    return new AdminPlane(servers, closing, processMetrics, metrics)
  }

  get port(): number {
    return this.#servers[0]!.port
  }

  /** Port of the probe listener; `undefined` when the node has no probe listener. */
  get probesPort(): number | undefined {
    return this.#servers[1]?.port
  }

  async close(): Promise<void> {
    this.#process.close()
    await Promise.all(this.#servers.map((server) => server.close()))
    for (const close of this.#closing) await close()
  }
}

/** Host names that the admin listener accepts: `admin.hosts`, and the host at which operators log in to the console. */
function hostsOf({ hosts, login }: AdminSettings): readonly string[] {
  return login === undefined ? hosts : [...hosts, new URL(login.origin).hostname]
}
