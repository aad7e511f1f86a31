import { Acknowledgements } from '../../gateway/cluster/acknowledgements.ts'
import type { Receipt } from '../../gateway/cluster/receipt.ts'
import type { IssuerRules } from '../../gateway/oauth/token-facts.ts'
import type { RedisLink } from '../../gateway/redis/redis-link.ts'
import { HashKeys } from '../../gateway/revocation/identity.ts'
import type { RevocationOrder } from '../../gateway/revocation/revocation-order.ts'
import {
  RevocationService,
  type RevocationServiceDependencies,
  type RevokeOptions,
} from '../../gateway/revocation/revocation-service.ts'
import { RevocationStore } from '../../gateway/revocation/revocation-store.ts'
import { atEnd } from './cleanup.ts'
import { startNode, type TestNode } from './node.ts'
import { untilReady } from './redis.ts'
import { until } from './until.ts'

/** Of the nodes under test. Short, so that waiting for it is, and longer than a busy machine lets a process stand still. */
export const maxStalenessMs = 5000

interface ClusterOptions {
  readonly nodes: number
  readonly policy: object
  /** `redis` of the settings. */
  readonly redis: Readonly<Record<string, unknown>>
  /** Laid over the settings of every node. */
  readonly settings?: Readonly<Record<string, unknown>>
}

/** Real nodes, each a process, around one Redis. Without an access log, which would cost more than the gate. */
export async function startNodes({ nodes, policy, redis, settings = {} }: ClusterOptions): Promise<TestNode[]> {
  return Promise.all(
    Array.from({ length: nodes }, (_, i) =>
      startNode({
        policy,
        settings: {
          node: { id: `n${i + 1}` },
          redis,
          revocation: { max_staleness: `${maxStalenessMs}ms` },
          log: { access: false },
          ...settings,
        },
      }),
    ),
  )
}

/**
 * Says that this Redis is new, as whoever sets up a cluster may: nodes then do not wait for members who could know more.
 */
export async function foundEpoch(link: RedisLink): Promise<void> {
  await link.store.call('SET', link.keys.epoch, 'first', 'NX')
}

/** Gives orders to revoke from within the tests, as a node does from its admin API. No member, and no node. */
export class TestService {
  readonly #service: RevocationService

  constructor(service: RevocationService) {
    this.#service = service
  }

  revoke(order: RevocationOrder, options: Partial<RevokeOptions> = {}): Promise<Receipt> {
    return this.#service.revoke(order, { wait: 'all', durable: false, ...options })
  }
}

interface ServiceOptions {
  readonly issuers: readonly IssuerRules[]
  readonly link: RedisLink
  /** Where the hash keys are read, while `link` has no connection. Default `link`. */
  readonly hashKeysFrom?: RedisLink
  readonly maxEntries?: number
  /** As a node that has lost members tells. Default nobody. */
  readonly forgotten?: RevocationServiceDependencies['lostMembers']
}

const nobody = () => ({ members: [], boundMs: 0 })

export async function startRevocationService({
  issuers,
  link,
  hashKeysFrom,
  maxEntries = 1e6,
  forgotten = nobody,
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
    log: () => undefined,
  })
  atEnd(() => Promise.all([service.close(), acknowledgements.close()]))
  if (hashKeysFrom === undefined) await until('the connections of the service', () => service.connected)
  return new TestService(service)
}
