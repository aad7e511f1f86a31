import type { BenchRedis } from '../harness/redis.ts'
import type { Table } from '../report/rows.ts'

/** Hash tag that spreads keys over slots: the letter of their kind and two characters of a hash. */
const SPREAD_TAG = /\{(?!rev\})([a-z])[\w-]{2}\}/
/** Part of a key that names one object: text with digits, or long text. */
const OWN_PART = /[^:{}]*\d[^:{}]*|[^:{}]{16,}/g

/** Keys in Redis whose names differ in the parts that name one object. */
export interface KeyGroup {
  readonly name: string
  /** Number of keys with and without an expiry. */
  expiring: number
  unexpiring: number
  /** Longest time to live of the Redis keys of the group, s. */
  longestS: number
}

/** Reads the names of all keys, and the time to live of each. */
export async function redisKeyGroups(redis: BenchRedis): Promise<readonly KeyGroup[]> {
  const groups = new Map<string, KeyGroup>()
  let cursor = '0'
  do {
    const [next, keys] = (await redis.slowClient.call('SCAN', cursor, 'COUNT', '1000')) as [string, string[]]
    cursor = String(next)
    for (const key of keys.map(String)) {
      const ttlS = Number(await redis.slowClient.call('TTL', key))
      // The key has expired since SCAN returned its name.
      if (ttlS === -2) continue
      const name = key.replace(SPREAD_TAG, '{$1*}').replaceAll(OWN_PART, '*')
      const group = groups.get(name) ?? { name, expiring: 0, unexpiring: 0, longestS: 0 }
      groups.set(name, group)
      if (ttlS === -1) group.unexpiring++
      else {
        group.expiring++
        group.longestS = Math.max(group.longestS, ttlS)
      }
    }
  } while (cursor !== '0')
  return [...groups.values()].sort((a, b) => b.expiring + b.unexpiring - a.expiring - a.unexpiring)
}

export function unexpiringKeys(groups: readonly KeyGroup[]): number {
  return groups.reduce((sum, { unexpiring }) => sum + unexpiring, 0)
}

export function keyGroupTable(groups: readonly KeyGroup[]): Table {
  return {
    title: 'Keys in Redis at the end of the load',
    columns: ['keys', 'with expiry', 'longest, s', 'without expiry'],
    rows: groups.map(({ name, expiring, longestS, unexpiring }) => [name, expiring, longestS, unexpiring]),
  }
}
