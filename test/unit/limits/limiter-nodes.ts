import { exactTicks, type LimitRule, leasedTicks } from '../../../gateway/base/limit-rule.ts'
import type { RedisSettings } from '../../../gateway/base/redis-topology.ts'
import type { LimitOutcome } from '../../../gateway/limits/limit-status.ts'
import { Limiter } from '../../../gateway/limits/limiter.ts'
import { PermitStore } from '../../../gateway/limits/permit-store.ts'
import type { RedisClient } from '../../../gateway/redis/redis-client.ts'
import { RedisLink } from '../../../gateway/redis/redis-link.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { redisSettingsFor, testLink, untilReady } from '../../kit/redis.ts'

let names = 0

/** Returns a compiled rate limit with a new name. Default: mode `exact`, 10 requests in 1000 ms. */
export function rule(parts: Partial<LimitRule> = {}): LimitRule {
  const name = `l${++names}`
  const { mode = 'exact', requests = 10, windowMs = 1000 } = parts
  const ticks = mode === 'exact' ? exactTicks(requests) : leasedTicks
  return {
    name,
    label: `gate/${name}`,
    key: `gate/${name}:${windowMs}:${ticks}`,
    by: ['subject'],
    cost: 1,
    shadow: false,
    policyItem: '',
    ...parts,
    mode,
    requests,
    windowMs,
  }
}

export interface LimiterNode {
  readonly limiter: Limiter
  readonly link: RedisLink
}

interface NodeOptions {
  readonly port: number
  /** Number of cluster members, by which the node divides a limit while Redis is unavailable. Default 1. */
  readonly members?: number
  readonly bucketsMax?: number
  /**
   * Opens the Redis connection of the node. Default: a connection whose calls have no deadline, so that a busy machine
   * does not look like an outage.
   */
  readonly link?: (settings: RedisSettings) => Promise<RedisLink>
}

/** Redis connection whose calls time out after 3 s, which even a busy machine seldom exceeds. */
class SlowLink extends RedisLink {
  override readonly store: RedisClient = this.client('receipt', 'slow')
}

/** Opens a connection for tests of calls that Redis receives and does not answer. */
export async function slowLink(settings: RedisSettings): Promise<RedisLink> {
  const link = new SlowLink(settings, () => undefined)
  atEnd(() => link.close())
  await untilReady(link.store)
  return link
}
/** Starts the rate limiter of one node, with its own Redis connection. Both are closed at the end of the test file. */
export async function limiterNode({
  port,
  members = 1,
  bucketsMax,
  link: open = testLink,
}: NodeOptions): Promise<LimiterNode> {
  const link = await open(redisSettingsFor(port))
  const limiter = new Limiter({
    store: new PermitStore(link),
    members: () => members,
    ...(bucketsMax !== undefined && { bucketsMax }),
  })
  atEnd(() => limiter.close())
  return { limiter, link }
}

/** Sends concurrent requests of one subject to the limiter, each of which all of the given limits count. */
export async function ask({ limiter }: Pick<LimiterNode, 'limiter'>, rules: LimitRule[], times = 1, who = 'alice') {
  const buckets = rules.map((each) => limiter.bucket(each, who))
  return Promise.all(Array.from({ length: times }, () => limiter.take(buckets, 'local')))
}

export function admitted(outcomes: readonly LimitOutcome[]): number {
  return outcomes.filter((outcome) => outcome?.allowed !== false).length
}
