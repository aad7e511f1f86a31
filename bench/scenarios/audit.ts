import { setTimeout as sleep } from 'node:timers/promises'
import { AuditLog } from '../../gateway/audit/audit-log.ts'
import { Chain } from '../../gateway/audit/chain.ts'
import { auditLines } from '../harness/audit-lines.ts'
import { type LoadResult, load } from '../harness/load.ts'
import type { BenchNode } from '../harness/node.ts'
import { connections, rounds, seconds, tokens } from '../harness/options.ts'
import { orders, policyOf } from '../harness/policy.ts'
import type { BenchRedis, RedisUse } from '../harness/redis.ts'
import type { Scenario } from '../harness/scenario.ts'
import { single, spread } from '../harness/statistics.ts'
import { inTurns } from '../harness/turns.ts'

const IDLE_S = 2
/**
 * Wait until the last batch of audit records is in Redis, ms: longer than the longest delay of a batch plus the reply
 * time of Redis.
 */
const HANDED_OVER_MS = 1000

interface Turn {
  readonly result: LoadResult
  readonly use: RedisUse
}

/** Number of records that a node under load writes in one batch. */
const BATCH = 500
const EVENTS = 40 * BATCH
/** Number of concurrent XADD calls. */
const AT_ONCE = 50

interface Cost {
  readonly nodeUs: number
  readonly redisUs: number
}

interface AuditStatus {
  readonly records: number
  readonly lost: number
}

/**
 * Measures the cost of the audit log in two ways. First: a node with Redis and an audit log, compared with a node
 * without Redis. Second: writing records only, in batches as nodes do, compared with one XADD command per record.
 */
export const audit: Scenario<'rounds' | 'seconds' | 'connections' | 'tokens'> = {
  name: 'audit',
  about: 'a node with and without an audit log; records in batches and with one XADD each, on the node and in Redis',
  options: { rounds: rounds(8, 1), seconds: seconds(2), connections, tokens: tokens(1000, 200) },
  async run(site, chosen) {
    const authorizations = await site.tokens(chosen.tokens)
    const policy = policyOf(site.issuer.url, { orders: orders(site.upstream.port) })
    const redis = await site.redis()
    const alone = await site.node({ policy })
    const recording = await site.node({
      policy,
      redis: redis.url,
      settings: { audit: { spill: { path: 'audit', max: '1GiB' } } },
    })
    const turnAt = (node: BenchNode) => async (): Promise<Turn> => {
      const { result, use } = await redis.during(() => load([node], { ...chosen, authorizations }))
      return { result, use }
    }
    const { use: idle } = await redis.during(() => sleep(IDLE_S * 1000))
    const before = await statusOf(recording)
    const found = await inTurns({ off: turnAt(alone), on: turnAt(recording) }, chosen.rounds)
    await sleep(HANDED_OVER_MS)
    const after = await statusOf(recording)
    const bytes = Number(await redis.link.store.call('MEMORY', 'USAGE', redis.link.keys.auditLog(0), 'SAMPLES', 0))
    site.progress('records in batches, and one by one')
    const rival = await site.redis()
    const alike = await inTurns({ batches: batched(rival), each: oneByOne(rival) }, chosen.rounds)

    const cpu = ({ result }: Turn): number => result.cpuUsPerRequest
    const redisUs = ({ result, use }: Turn): number =>
      Math.max(0, use.cpuUs - (idle.cpuUs / IDLE_S) * chosen.seconds) / result.requests
    const requests = found.on.reduce((sum, { result }) => sum + result.requests, 0)
    const records = after.records - before.records
    return {
      figures: {
        off_cpu_us_per_request: spread(found.off.map(cpu)),
        on_cpu_us_per_request: spread(found.on.map(cpu)),
        on_redis_us_per_request: spread(found.on.map(redisUs)),
        us_per_event: spread(alike.batches.map(({ nodeUs }) => nodeUs)),
        redis_us_per_event: spread(alike.batches.map(({ redisUs }) => redisUs)),
        xadd_us_per_event: spread(alike.each.map(({ nodeUs }) => nodeUs)),
        xadd_redis_us_per_event: spread(alike.each.map(({ redisUs }) => redisUs)),
        redis_bytes_per_event: single(bytes / after.records),
        lost_records: single(after.lost),
      },
      broken: records < requests ? [`${requests} requests left ${records} records`] : [],
    }
  },
}

/** Measures the work of a node for audit records: serialising, chaining and writing them in batches. */
function batched(redis: BenchRedis): () => Promise<Cost> {
  const client = redis.slowClient
  const line = auditLines()
  const chain = new Chain('bench', { id: 'a1', secret: new Uint8Array(32).fill(7) })
  const log = new AuditLog(client, redis.link, 0)
  return () =>
    costOf(redis, async () => {
      for (let n = 1; n <= EVENTS; n++) {
        chain.add(line(n))
        if (n % BATCH === 0) await log.append(chain.seal())
      }
    })
}

function oneByOne(redis: BenchRedis): () => Promise<Cost> {
  const client = redis.slowClient
  const line = auditLines()
  return () =>
    costOf(redis, async () => {
      for (let n = 0; n < EVENTS; n += AT_ONCE) {
        const calls = Array.from({ length: AT_ONCE }, (_, i) =>
          client.call('XADD', redis.link.keys.auditLog(1), '*', 'line', line(n + i)),
        )
        await Promise.all(calls)
      }
    })
}

async function costOf(redis: BenchRedis, work: () => Promise<void>): Promise<Cost> {
  let nodeUs = 0
  const { use } = await redis.during(async () => {
    const before = process.cpuUsage()
    await work()
    const { user, system } = process.cpuUsage(before)
    nodeUs = user + system
  })
  await redis.link.store.call('DEL', redis.link.keys.auditLog(0))
  await redis.link.store.call('DEL', redis.link.keys.auditLog(1))
  return { nodeUs: nodeUs / EVENTS, redisUs: use.cpuUs / EVENTS }
}

async function statusOf({ adminPort, adminToken }: BenchNode): Promise<AuditStatus> {
  const headers = { authorization: `Bearer ${adminToken}` }
  const reply = await fetch(`http://127.0.0.1:${adminPort}/status`, { headers })
  return ((await reply.json()) as { audit: AuditStatus }).audit
}
