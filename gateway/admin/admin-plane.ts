import type { AdminSettings } from '../config/admin-settings.ts'
import type { ListenAddress } from '../config/listen-address.ts'
import { IssuerKeys } from '../issuers/issuer-keys.ts'
import { issuerRules } from '../policy/issuers/compile-issuers.ts'
import type { PlainServer } from '../probes/plain-server.ts'
import { instruments } from '../telemetry/instruments.ts'
import { type MetricSource, Metrics } from '../telemetry/metrics.ts'
import { ProcessMetrics } from '../telemetry/process-metrics.ts'
import { TokenVerifier } from '../tokens/verifier.ts'
import { AdminApi } from './admin-api.ts'
import { listenAdmin, listenProbes } from './admin-listener.ts'
import type { AdminLog } from './call-log.ts'
import { CallerAuthenticator, type CallerOptions } from './caller-authenticator.ts'
import type { AdminDependencies } from './dependencies.ts'
import { nodeMetrics } from './node-metrics.ts'
import { sharedMetrics } from './shared-metrics.ts'

export interface AdminPlaneOptions {
  readonly admin: AdminSettings
  readonly bootstrapToken: CallerOptions['bootstrapToken']
  readonly probes: { readonly listen: ListenAddress | undefined }
  readonly tokenMaxBytes: number
  readonly log: AdminLog
}

/**
 * Name of the admin issuer in logs. Issuer names in a policy have no parentheses, so no issuer of the policy can have
 * the same name.
 */
const ISSUER_NAME = '(admin)'
/**
 * Maximum number of validated admin tokens in the cache. A small number is enough, because only a few operators have
 * such tokens.
 */
const CACHE_ENTRIES = 64

/** Admin plane of a node: admin API, metrics and probes. Tokens for the admin API come from a separate issuer. */
export class AdminPlane {
  readonly #servers: readonly PlainServer[]
  readonly #api: AdminApi
  readonly #keys: IssuerKeys
  readonly #process: ProcessMetrics
  /** All metrics that the path `/metrics` shows. */
  readonly metrics: Metrics

  private constructor(
    servers: readonly PlainServer[],
    api: AdminApi,
    keys: IssuerKeys,
    processMetrics: ProcessMetrics,
    metrics: Metrics,
  ) {
    this.#servers = servers
    this.#api = api
    this.#keys = keys
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
    { admin, bootstrapToken, probes, tokenMaxBytes, log }: AdminPlaneOptions,
  ): Promise<AdminPlane> {
    const keys = new IssuerKeys({ log })
    const rules = admin.issuer === undefined ? undefined : issuerRules(ISSUER_NAME, admin.issuer)
    if (rules !== undefined) keys.retain([rules])
    const verifier = new TokenVerifier({ keys, cacheEntries: CACHE_ENTRIES, tokenMaxBytes })
    const issuer = rules && { rules, verifier }
    const api = await AdminApi.open(
      dependencies,
      new CallerAuthenticator({
        bootstrapToken,
        issuer,
        revocations: dependencies.shared?.revocations,
      }),
      log,
    )

    const processMetrics = new ProcessMetrics(dependencies.node.version)
    const own = [
      nodeMetrics(dependencies.node, dependencies.streams),
      ...(dependencies.shared === undefined ? [] : [sharedMetrics(dependencies.shared)]),
    ]
    const calls: MetricSource = {
      collect: (sink) => sink.value(instruments.adminUnrecorded, api.unrecorded, {}),
    }
    const metrics = new Metrics([...sources, ...own, calls, processMetrics])
    const probeSources = { state: dependencies.node, metrics }
    const servers = [await listenAdmin(probeSources, api, admin)]
    if (probes.listen !== undefined) servers.push(await listenProbes(probeSources, probes.listen))
    return new AdminPlane(servers, api, keys, processMetrics, metrics)
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
    await this.#api.close()
    await this.#keys.close()
  }
}
