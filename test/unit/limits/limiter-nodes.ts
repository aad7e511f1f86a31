import { exactTicks, type LimitRule, leasedTicks } from '../../../gateway/base/limit-rule.ts'
import { Limiter } from '../../../gateway/limits/limiter.ts'
import { PermitStore } from '../../../gateway/limits/permit-store.ts'
import type { Outcome } from '../../../gateway/limits/standing.ts'
import type { RedisLink } from '../../../gateway/redis/redis-link.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { nodeLink, redisSettingsFor } from '../../kit/redis.ts'

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
}

/** The limits as one node keeps them, with a connection of its own. Ends with the test file. */
export async function limiterNode({ port, members = 1, bucketsMax }: NodeOptions): Promise<LimiterNode> {
  const link = await nodeLink(redisSettingsFor(port))
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

export function admitted(outcomes: readonly Outcome[]): number {
  return outcomes.filter((outcome) => outcome?.allowed !== false).length
}
