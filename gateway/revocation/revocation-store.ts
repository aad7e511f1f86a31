import { randomBytes } from 'node:crypto'
import { KEEP_EVENTS_MS } from '../cluster/event.ts'
import { readWrittenEvent, type WrittenEvent } from '../cluster/written-event.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import { redisTimeMs } from '../redis/redis-time.ts'
import type { OrderTimes } from './read-order.ts'
import { bucketEndOf, expiryOf, RECORD_BYTES } from './record.ts'

/** Maximum number of bytes that one call reads from a bucket, a Redis key with revocations of a similar expiry. */
const READ_BYTES = 10_000 * RECORD_BYTES
/**
 * Number of buckets (Redis keys with revocations of a similar expiry) that are read in parallel. Most buckets are
 * small.
 */
const READ_BUCKETS = 32
/** Maximum number of revocation records that one call writes back to Redis after Redis lost them. */
const PUT_BACK_RECORDS = 512

/**
 * Stores revocations in Redis, both in the event log and in buckets. A bucket is a Redis key with revocations of a
 * similar expiry, which expires as a whole.
 */
export class RevocationStore {
  readonly #client: RedisClient
  readonly #keys: RedisKeys
  readonly #write: RedisScript
  readonly #adopt: RedisScript

  constructor(client: RedisClient, keys: RedisKeys) {
    this.#client = client
    this.#keys = keys
    this.#write = client.script(new URL('./write-revocations.lua', import.meta.url))
    this.#adopt = client.script(new URL('./adopt-hash-keys.lua', import.meta.url))
  }

  /**
   * Writes revocation records to Redis and to the event log.
   *
   * @throws {GatewayFault} when Redis fails; after a timeout or a lost connection, Redis may have stored the revocation
   */
  async write(record: Buffer, nowS: number): Promise<WrittenEvent> {
    return readWrittenEvent(await this.#append(record, bucketEndOf(expiryOf(record, 0), nowS), true))
  }

  /** Restores packed revocation records that Redis lost. @throws {GatewayFault} when Redis fails */
  async restore(records: Buffer, nowS: number): Promise<void> {
    const buckets = new Map<number, Buffer[]>()
    for (let at = 0; at < records.length; at += RECORD_BYTES) {
      const endS = bucketEndOf(expiryOf(records, at), nowS)
      const bucket = buckets.get(endS) ?? []
      bucket.push(records.subarray(at, at + RECORD_BYTES))
      buckets.set(endS, bucket)
    }
    for (const [endS, bucket] of buckets) {
      for (let i = 0; i < bucket.length; i += PUT_BACK_RECORDS) {
        await this.#append(Buffer.concat(bucket.slice(i, i + PUT_BACK_RECORDS)), endS, false)
      }
    }
  }

  /**
   * Returns the times that determine the records of an order: the current time, and the latest expiry of a login session
   * created at each issuer.
   *
   * The current time is the later one of two clocks, of Redis and of this process. By a clock that is behind, the record
   * of a subject would not match its newest tokens, and records would expire before the tokens that they match.
   *
   * @param issuers  issuer identifiers
   * @param ownMs    wall clock of this process, ms since the Unix epoch
   * @throws {GatewayFault} when Redis fails
   */
  async times(issuers: readonly string[], ownMs: number): Promise<OrderTimes> {
    const client = this.#client
    const [redisMs, ends] = (await Promise.all([
      redisTimeMs(client),
      issuers.length === 0 ? [] : client.call('ZMSCORE', this.#keys.sessionEnds, ...issuers),
    ])) as [number, readonly (string | null)[]]
    const sessionEnds = new Map(issuers.map((issuer, i) => [issuer, Number(ends[i] ?? 0)]))
    return { nowS: Math.max(ownMs, redisMs) / 1000, sessionEnds }
  }

  /** Reads all packed revocation records in Redis, in parts. @throws {GatewayFault} when Redis fails */
  async *read(): AsyncGenerator<Buffer> {
    const buckets = (await this.#client.call('ZRANGE', this.#keys.revocationBuckets, 0, -1)) as string[]
    for (let i = 0; i < buckets.length; i += READ_BUCKETS) {
      let pending = buckets.slice(i, i + READ_BUCKETS)
      for (let at = 0; pending.length > 0; at += READ_BYTES) {
        const pieces = await Promise.all(pending.map((bucket) => this.#piece(bucket, at)))
        yield* pieces
        pending = pending.filter((_, index) => pieces[index]!.length === READ_BYTES)
      }
    }
  }

  #piece(bucket: string, at: number): Promise<Buffer> {
    return this.#client.callBuffer('GETRANGE', bucket, at, at + READ_BYTES - 1) as Promise<Buffer>
  }

  /**
   * Adds the hash keys of this node to the hash keys in Redis. Creates the first key if Redis has none.
   *
   * @param known  hash keys of this node, 64 hexadecimal digits each
   * @returns all hash keys, 32 bytes each
   * @throws {GatewayFault} when Redis fails
   */
  async adoptKeys(known: readonly string[]): Promise<Buffer> {
    const own = known.map((key) => Buffer.from(key, 'hex'))
    const keys = [this.#keys.revocationHashKey, this.#keys.events]
    return (await this.#adopt.buffers(keys, [randomBytes(32), ...own])) as Buffer
  }

  #append(records: Buffer, endS: number, awaited: boolean): Promise<string[]> {
    const { events, revocationBuckets, members, memberFacts } = this.#keys
    return this.#write(
      [events, revocationBuckets, this.#keys.revocationBucket(endS), members, memberFacts],
      [records, endS, awaited ? '1' : '0', KEEP_EVENTS_MS],
    ) as Promise<string[]>
  }
}
