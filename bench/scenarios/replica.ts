import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeRecord } from '../../gateway/revocation/record.ts'
import { RevocationStore } from '../../gateway/revocation/revocation-store.ts'
import { residentBytes } from '../harness/cpu.ts'
import { orders, policyOf } from '../harness/policy.ts'
import type { BenchRedis } from '../harness/redis.ts'
import type { Scenario } from '../harness/scenario.ts'
import { single } from '../harness/statistics.ts'

const BATCH = 20_000
const DAY_S = 86_000
const MIB = 1024 * 1024

/**
 * Measures a node that starts in a cluster with many revocations: the time until it is ready, and the memory that the
 * revocations use.
 */
export const replica: Scenario<'entries'> = {
  name: 'replica',
  about: 'a node with many revocations: additional memory, and time until it is ready',
  options: { entries: { about: 'revocations', usual: 1_000_000, quick: 100_000 } },
  async run(site, { entries }) {
    const redis = await site.redis()
    const plan = { policy: policyOf(site.issuer.url, { orders: orders(site.upstream.port) }), redis: redis.url }
    const idle = await site.node(plan)
    await sleep(1000)
    const idleBytes = residentBytes(idle.pid)
    await idle.stop()
    site.progress(`writing ${entries} revocations`)
    await fill(redis, entries)
    const startedMs = performance.now()
    const full = await site.node(plan)
    const startMs = performance.now() - startedMs
    await sleep(1000)
    return {
      figures: { replica_mib: single((residentBytes(full.pid) - idleBytes) / MIB), full_start_ms: single(startMs) },
      broken: [],
    }
  },
}

/**
 * Writes revocations to Redis as nodes do after Redis lost its data. Each revocation expires within a day, like a
 * token.
 */
async function fill(redis: BenchRedis, entries: number): Promise<void> {
  const nowS = Math.floor(Date.now() / 1000)
  const store = new RevocationStore(redis.slowClient, redis.link.keys)
  for (let done = 0; done < entries; done += BATCH) {
    const records = Array.from({ length: Math.min(BATCH, entries - done) }, (_, i) =>
      writeRecord(randomBytes(16), nowS, nowS + 60 + (((done + i) * 7919) % DAY_S)),
    )
    await store.restore(Buffer.concat(records), nowS)
  }
}
