import { Acknowledgements } from '../../gateway/cluster/acknowledgements.ts'
import type { Receipt } from '../../gateway/cluster/receipt.ts'
import type { IssuerRules } from '../../gateway/oauth/token-facts.ts'
import type { RedisLink } from '../../gateway/redis/redis-link.ts'
import { HashKeys } from '../../gateway/revocation/identity.ts'
import type { ReceiptOptions } from '../../gateway/revocation/receipt-collector.ts'
import type { RevocationOrder } from '../../gateway/revocation/revocation-order.ts'
import { RevocationService, type RevocationServiceDependencies } from '../../gateway/revocation/revocation-service.ts'
import { RevocationStore } from '../../gateway/revocation/revocation-store.ts'
import { atEnd } from './cleanup.ts'
import { startNode, startNodeProcess } from './node.ts'
import type { NodeProcess } from './node-process.ts'
import { untilReady } from './redis.ts'
import type { NodeOptions, TestNode } from './test-node.ts'
import { until } from './until.ts'

/**
 * `revocation.max_staleness` of the nodes under test, ms. It is short because tests wait for it, and longer than a busy
 * machine pauses a process.
 */
export const maxStalenessMs = 5000

interface ClusterOptions {
  readonly nodes: number
  readonly policy: object
  /** Entry `redis` of the settings. */
  readonly redis: Readonly<Record<string, unknown>>
  /** Settings of every node that override the others. */
  readonly settings?: Readonly<Record<string, unknown>>
}

/**
 * Starts real nodes with one Redis. The access log is off, because writing it would cost more CPU time than the
 * requests.
 */
export function startNodes(options: ClusterOptions): Promise<TestNode[]> {
  return Promise.all(optionsOf(options).map(startNode))
}

/** Starts nodes like `startNodes`, each with its own process, for tests that signal or end the processes. */
export function startNodeProcesses(options: ClusterOptions): Promise<NodeProcess[]> {
  return Promise.all(optionsOf(options).map(startNodeProcess))
}

function optionsOf({ nodes, policy, redis, settings = {} }: ClusterOptions): NodeOptions[] {
  return Array.from({ length: nodes }, (_, i) => ({
    policy,
    settings: {
      node: { id: `n${i + 1}` },
      redis,
      revocation: { max_staleness: `${maxStalenessMs}ms` },
      log: { access: false },
      ...settings,
    },
  }))
}

/**
 * Writes the first epoch to Redis, as an operator can do for a new cluster. Nodes then do not wait for surviving
 * members.
 */
export async function foundEpoch(link: RedisLink): Promise<void> {
  await link.store.call('SET', link.keys.epoch, 'first', 'NX')
}

/**
 * Revokes credentials from the process of the tests, as a node does for its admin API. This process is no node and no
 * member of the cluster.
 */
export class TestService {
  readonly #service: RevocationService

  constructor(service: RevocationService) {
    this.#service = service
  }

  revoke(order: RevocationOrder, options: Partial<ReceiptOptions> = {}): Promise<Receipt> {
    return this.#service.revoke(order, { wait: 'all', durable: false, ...options })
  }
}

interface ServiceOptions {
  readonly issuers: readonly IssuerRules[]
  readonly link: RedisLink
  /** Link to read the hash keys from when `link` has no connection. Default `link`. */
  readonly hashKeysFrom?: RedisLink
  readonly maxEntries?: number
  /** Lost members of the cluster, as a node reports them. Default: none. */
  readonly forgotten?: RevocationServiceDependencies['lostMembers']
  /** Wall clock of the service. Default: the wall clock of this machine. */
  readonly now?: () => number
}

const nobody = () => ({ members: [], boundMs: 0 })

export async function startRevocationService({
  issuers,
  link,
  hashKeysFrom,
  maxEntries = 1e6,
  forgotten = nobody,
  now = Date.now,
}: ServiceOptions): Promise<TestService> {
  const from = hashKeysFrom ?? link
  const client = from.client('receipt', 'test')
  await untilReady(client)
  const hashKeys = HashKeys.read(await new RevocationStore(client, from.keys).adoptKeys([]))
  const acknowledgements = new Acknowledgements(link, client)
  if (hashKeysFrom === undefined) await acknowledgements.ready
  const service = new RevocationService({
    link,
    revocations: { hashKeys, size: 0 },
    acknowledgements,
    issuers: () => new Map(issuers.map((rules) => [rules.issuer, rules])),
    boundMs: () => 0,
    lostMembers: forgotten,
    maxEntries,
    identify: undefined,
    now,
    log: () => undefined,
  })
  atEnd(() => Promise.all([service.close(), acknowledgements.close()]))
  if (hashKeysFrom === undefined) await until('the connections of the service', () => service.connected)
  return new TestService(service)
}
