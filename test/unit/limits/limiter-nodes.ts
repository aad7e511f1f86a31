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

/** A limit of its own, as the policy compiles it. */
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
  /** As this node sees them. Default 1. */
  readonly members?: number
  readonly bucketsMax?: number
  /** Its connection. Default: one on which calls have no deadline, since a busy machine is no outage. */
  readonly link?: (settings: RedisSettings) => Promise<RedisLink>
}

/** Gives a call up after 3 s, which even a busy machine seldom needs. */
class SlowLink extends RedisLink {
  override readonly store: RedisClient = this.client('receipt', 'slow')
}

/** For what becomes of calls that Redis takes and does not answer. */
export async function slowLink(settings: RedisSettings): Promise<RedisLink> {
  const link = new SlowLink(settings, () => undefined)
  atEnd(() => link.close())
  await untilReady(link.store)
  return link
}
/** The limits as one node keeps them, with a connection of its own. Ends with the test file. */
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

/** Requests at once. */
export async function ask({ limiter }: Pick<LimiterNode, 'limiter'>, rules: LimitRule[], times = 1, who = 'alice') {
  const buckets = rules.map((each) => limiter.bucket(each, who))
  return Promise.all(Array.from({ length: times }, () => limiter.take(buckets, 'local')))
}

export function admitted(outcomes: readonly LimitOutcome[]): number {
  return outcomes.filter((outcome) => outcome?.allowed !== false).length
}
