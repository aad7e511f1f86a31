import { randomBytes } from 'node:crypto'
import { type Commit, commitAll } from '../gateway/base/commit.ts'
import type { RedisSource } from '../gateway/base/redis-topology.ts'
import { Sealer } from '../gateway/base/sealer.ts'
import { reportTaskFailures } from '../gateway/base/supervisor.ts'
import { packageVersion } from '../gateway/base/version.ts'
import { currentRedis } from '../gateway/config/current-redis.ts'
import { KeyRings } from '../gateway/config/key-rings.ts'
import { ConfigError, nowhere, problem } from '../gateway/config/problem.ts'
import { Secrets } from '../gateway/config/secrets.ts'
import type { LoadedSettings, Settings } from '../gateway/config/settings.ts'
import type { SettingsReload } from '../gateway/config/settings-reload.ts'
import { IssuerKeys } from '../gateway/issuers/issuer-keys.ts'
import type { KeyHolders } from '../gateway/keys/key-holders.ts'
import type { IssuerRules } from '../gateway/oauth/token-facts.ts'
import { type JobQueue, policyQueues } from '../gateway/policy/job-queues.ts'
import { openPolicy, type PolicyRoom } from '../gateway/policy/open-policy.ts'
import type { Snapshot } from '../gateway/policy/snapshot.ts'
import type { PlainServer } from '../gateway/probes/plain-server.ts'
import { QueueView } from '../gateway/queues/queue-view.ts'
import { shipAudit } from '../gateway/queues/ship-audit.ts'
import { RedisLink } from '../gateway/redis/redis-link.ts'
import { openActivePolicy } from '../gateway/revisions/open-active-policy.ts'
import { RevisionStore } from '../gateway/revisions/revision-store.ts'
import { RevocationStore } from '../gateway/revocation/revocation-store.ts'
import { Revoker } from '../gateway/revocation/revoker.ts'
import type { ExpiryWatch } from '../gateway/telemetry/expiry-watch.ts'
import { LineWriter } from '../gateway/telemetry/line-writer.ts'
import { Metrics } from '../gateway/telemetry/metrics.ts'
import { NodeLog } from '../gateway/telemetry/node-log.ts'
import { ProcessMetrics } from '../gateway/telemetry/process-metrics.ts'
import { type StartedTelemetry, startTelemetry } from '../gateway/traces/start-telemetry.ts'
import { AuditShipping } from './audit-shipping.ts'
import { readEvictionPolicy } from './eviction-policy.ts'
import { policyJobKinds } from './policy-job-kinds.ts'
import type { PolicyJobKind, PolicyJobs } from './policy-jobs.ts'
import { listenWorkerProbes } from './probes.ts'
import type { WorkerLog } from './queue-workers.ts'
import { workerExpiries } from './worker-expiries.ts'
import { openWorkerKeys } from './worker-keys.ts'
import { WorkerMetrics } from './worker-metrics.ts'

const STDOUT = 1

interface WorkerRooms {
  readonly settings: Settings
  readonly log: NodeLog
  readonly lines: LineWriter
  readonly link: RedisLink
  readonly keys: IssuerKeys
  readonly secrets: Secrets
  readonly reload: SettingsReload
  readonly holders: KeyHolders
  readonly policyRoom: PolicyRoom
  readonly jobs: readonly OpenJobs[]
  readonly expiryWatch: ExpiryWatch
  readonly telemetry: StartedTelemetry
  readonly shipping: AuditShipping
  readonly policy: { readonly snapshot: Snapshot }
  readonly measured: WorkerMetrics
  readonly processMetrics: ProcessMetrics
}

/** One kind of job with its open queues. */
type OpenJobs = PolicyJobs & Pick<PolicyJobKind, 'kind' | 'queuesOf'>

/** Returns for each kind of job a function that lists the queues of this worker. */
function queueViews(link: RedisLink, policy: WorkerRooms['policy'], shipping: AuditShipping) {
  const viewed = ({ kind }: { readonly kind: string }, named: () => readonly { readonly name: string }[]) => {
    const view = new QueueView(kind, link)
    return () => view.list(named().map(({ name }) => name))
  }
  const ofPolicy = policyQueues.map(({ kind, queuesOf }) => viewed({ kind }, () => queuesOf(policy.snapshot)))
  return [...ofPolicy, viewed(shipAudit, () => shipping.shippers)]
}

/** One worker process: builds its components in order, processes jobs, and closes the components. */
export class WorkerProcess {
  readonly #rooms: WorkerRooms
  #probes: PlainServer | undefined
  #stopping: Promise<void> | undefined
  /** State for the probes: `started` stays true; `ready` becomes false when the worker stops. */
  started = false
  ready = false

  private constructor(rooms: WorkerRooms) {
    this.#rooms = rooms
  }

  /**
   * Starts a worker. The worker accepts jobs once Redis has replied with `maxmemory-policy noeviction`.
   *
   * @throws {ConfigError} for invalid settings or policy, or when Redis can evict keys
   */
  static async start(loaded: LoadedSettings): Promise<WorkerProcess> {
    const { settings } = loaded
    const { redis } = settings
    if (redis === undefined)
      throw missing(['redis'], 'is required, because jobs are stored in Redis', 'such as url: redis://127.0.0.1')
    const lines = new LineWriter(STDOUT)
    const log = new NodeLog(lines, { ...settings.log, node: settings.node.id })
    reportTaskFailures((task, fault, failures) => log.log('error', 'background task failed', { task, fault, failures }))
    const tell: WorkerLog = (level, message, fields) => log.log(level, message, fields)
    const secrets = new Secrets({ env: loaded.sources.env, log: log.log.bind(log) })
    secrets.followSettings(loaded.secrets)
    const inForce = { settings }
    const redisSource = currentRedis(redis, () => inForce.settings.redis, secrets)
    const link = new RedisLink(redis, tell, redisSource)
    // Accept settings without keys: a worker that only delivers audit records decrypts nothing.
    const keyRings = new KeyRings(settings.keys)
    const policyRoom = await openWorkerPolicy({ settings, keyRings, redisSource, link, log: log.log.bind(log) })
    const policy = {
      get snapshot() {
        return policyRoom.current
      },
    }
    const keys = new IssuerKeys({ log: tell })
    keys.retain(signing(policy.snapshot))
    const sealer = Sealer.following(keyRings.encryption) ?? new Sealer([{ id: 'own', secret: randomBytes(32) }])
    const revocations = new RevocationStore(link.client('receipt', 'revocations'), link.keys)
    const issuers = () => policy.snapshot.issuers
    const revoker = new Revoker(revocations, issuers)
    const names = { service: 'gatehouse-worker', version: packageVersion, node: settings.node.id } as const
    const authorization = () => secrets.ofSettings('telemetry.authorization')
    const telemetry = await startTelemetry(settings.telemetry, names, log, link, authorization)
    const { tracer } = telemetry.telemetry
    const resources = { settings, secrets, keys, link, sealer, issuers, revoker, tracer, log: tell }
    const jobs = policyJobKinds.map(({ kind, queuesOf, open }) => ({ kind, queuesOf, ...open(resources) }))
    // Read the secrets now: a secret that cannot be read ends the start before the worker accepts jobs.
    policyRoom.begin((snapshot) => commitAll(jobs.map((each) => each.prepare(snapshot))))()
    const shipping = new AuditShipping({ sinks: settings.sinks, secrets, link, log: tell })
    const apply = (next: Settings): void => {
      inForce.settings = next
      shipping.follow(next.sinks)
    }
    const write = log.log.bind(log)
    const { holders, reload } = openWorkerKeys({ loaded, apply, secrets, keyRings, link, issuers, log: write })
    const views = queueViews(link, policy, shipping)
    const measured = new WorkerMetrics({
      shippers: shipping.shippers,
      queues: async () => (await Promise.all(views.map((list) => list()))).flat(),
    })
    const processMetrics = new ProcessMetrics(packageVersion)
    const expiryWatch = workerExpiries({ secrets, sources: [keys, reload], policy, log: write })
    const serving = { link, keys, secrets, reload, holders, policyRoom, jobs, expiryWatch }
    const rooms = { settings, log, lines, ...serving, shipping, policy, telemetry, measured, processMetrics }
    const worker = new WorkerProcess(rooms)
    await worker.#open()
    return worker
  }

  async #open(): Promise<void> {
    const { settings, log, link, secrets, reload, policyRoom, shipping, policy } = this.#rooms
    const { listen } = settings.probes
    if (listen !== undefined) this.#probes = await listenWorkerProbes(this, listen)
    secrets.watch()
    reload.watch()
    policyRoom.watch(this.#policyEvents)
    const eviction = await readEvictionPolicy(link, () => this.#stopping !== undefined)
    if (eviction === undefined) return
    if (eviction !== 'noeviction') {
      throw missing(
        ['redis'],
        `Redis may evict jobs and revocations (maxmemory-policy ${eviction})`,
        'set maxmemory-policy noeviction',
      )
    }
    this.#prepare(policy.snapshot)()
    shipping.start()
    this.#rooms.expiryWatch.start()
    this.started = true
    this.ready = true
    log.log('info', 'worker started', {
      queues: allQueues(policy.snapshot).map(({ name }) => name),
      sinks: shipping.shippers.map(({ name }) => name),
      concurrency: settings.worker.concurrency,
      revision: policy.snapshot.revision,
      ...(this.#probes && { probes: this.#probes.port }),
    })
  }

  /**
   * Prepares the switch to a new policy. The returned function performs it.
   *
   * @throws {ConfigError} when a secret cannot be read; the worker is then unchanged
   */
  #prepare(snapshot: Snapshot): Commit {
    const { keys, jobs } = this.#rooms
    return commitAll([
      keys.prepare(signing(snapshot)),
      ...jobs.map((each) => each.prepare(snapshot)),
      ...jobs.map(({ queues, queuesOf }) => queues.prepare(queuesOf(snapshot))),
    ])
  }

  readonly #policyEvents = {
    prepare: (snapshot: Snapshot): Commit => {
      const commit = this.#prepare(snapshot)
      return () => {
        commit()
        this.#rooms.log.log('info', 'policy changed', { revision: snapshot.revision })
      }
    },
    rejected: (error: unknown): void => {
      this.#rooms.log.log('error', 'policy rejected; the policy in force stays active', {
        revision: this.#rooms.policy.snapshot.revision,
        problems: error instanceof ConfigError ? error.problems : [{ message: String(error) }],
      })
    },
    restored: (): void => {
      this.#rooms.log.log('info', 'the policy files are valid again: they contain the active policy', {
        revision: this.#rooms.policy.snapshot.revision,
      })
    },
  }

  /**
   * Reads settings, keys and secrets again. A settings file with an error, or without a key that is in use, changes
   * nothing.
   */
  async reload(): Promise<void> {
    const { reload, secrets } = this.#rooms
    if (this.#stopping === undefined && (await reload.reload())) secrets.reload()
  }

  async metrics(): Promise<string> {
    const { measured, processMetrics, expiryWatch, jobs } = this.#rooms
    if (this.ready) await measured.refresh()
    return new Metrics([measured, processMetrics, expiryWatch, ...jobs.flatMap(({ metrics }) => metrics ?? [])]).text()
  }

  /**
   * Stops accepting jobs, waits up to `drain_timeout` for running jobs, and closes all components. A second call waits
   * for the first.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#drain()
    return this.#stopping
  }

  async #drain(): Promise<void> {
    const { settings, log, lines, link, keys, secrets, reload, holders } = this.#rooms
    const { policyRoom, jobs, shipping, telemetry } = this.#rooms
    this.ready = false
    log.log('info', 'worker stops and waits for running jobs', {})
    this.#rooms.expiryWatch.close()
    await reload.close()
    await holders.close()
    secrets.close()
    policyRoom.close()
    const { drainTimeoutMs } = settings
    await Promise.all([...jobs.map(({ queues }) => queues), shipping].map((each) => each.close(drainTimeoutMs)))
    await Promise.all(jobs.map((each) => each.close()))
    await keys.close()
    await telemetry.close()
    await link.close()
    await this.#probes?.close()
    this.#rooms.processMetrics.close()
    log.log('info', 'worker stopped', {})
    await lines.end()
  }

  /** Logs the fault that ends the process, and writes pending log lines synchronously. */
  crash(error: unknown): void {
    const { log, lines } = this.#rooms
    log.log('error', 'worker ends because of an unexpected fault', {
      fault: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
    lines.flushSync()
  }
}

interface WorkerPolicyDependencies {
  readonly settings: Settings
  readonly keyRings: KeyRings
  readonly redisSource: RedisSource
  readonly link: RedisLink
  readonly log: NodeLog['log']
}

/**
 * Opens the policy of a worker: from its policy file, or the policy of the cluster.
 *
 * @throws {ConfigError} with all problems of the policy
 */
async function openWorkerPolicy({ settings, link, ...rest }: WorkerPolicyDependencies): Promise<PolicyRoom> {
  const { policy: source, node } = settings
  const check = (snapshot: Snapshot) => requireKey(settings, snapshot)
  if (source.source === 'file') return openPolicy({ path: source.path, settings, check })
  const { policy } = await openActivePolicy({
    ...rest,
    settings: { policy: source, node },
    redis: settings.redis!,
    publicUrls: settings.publicUrls,
    check,
    role: 'worker',
  })
  policy.attach(new RevisionStore(link.client('receipt', 'policy'), link.keys))
  return policy
}

/** Returns the issuers with signed introspection responses. A worker needs the keys of no other issuer. */
function signing({ issuers }: Snapshot): IssuerRules[] {
  return [...issuers.values()].filter(({ introspection }) => introspection?.response === 'jwt')
}

/** The queues of all job kinds that a policy needs. */
function allQueues(snapshot: Snapshot): JobQueue[] {
  return policyQueues.flatMap(({ queuesOf }) => queuesOf(snapshot))
}

function missing(path: string[], message: string, hint: string): ConfigError {
  return new ConfigError([problem('GH_CONFIG_MISSING', message, path, nowhere, hint)])
}

/**
 * Checks that an encryption key is configured if the policy needs jobs for tokens or sessions.
 *
 * @throws {ConfigError} when no key is configured, so that no job could decrypt its data
 */
function requireKey({ keys }: Settings, snapshot: Snapshot): void {
  const opens = allQueues(snapshot).length > 0
  if (keys.encryption.length > 0 || !opens) return
  throw new ConfigError([
    problem(
      'GH_CONFIG_KEY_MISSING',
      'must have a key, because tokens and sessions are stored encrypted',
      ['keys', 'encryption'],
      nowhere,
      'generate a key with `gatehouse keys generate encryption` and add it to keys.encryption',
    ),
  ])
}
