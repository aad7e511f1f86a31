import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import type { Batch } from './batch.ts'
import { readWitnessed, type Witnessed, witnessText } from './seal.ts'

/** Last batch of an audit chain that was trimmed from the log. The remaining chain starts after this batch. */
export interface TrimMark {
  readonly last: number
  readonly hash: string
}

/**
 * Writes batches of audit records to one stream in Redis; `LogReader` reads the stream. Methods throw `RedisFault`. An
 * append that failed with this error may still be in the stream.
 */
export class AuditLog {
  readonly #client: RedisClient
  readonly #key: string
  readonly #headKey: string
  readonly #trimmedKey: string
  readonly #append: RedisScript
  #connections = 0

  /** @param client dedicated Redis connection, so that requests and the audit log never wait for each other */
  constructor(client: RedisClient, { keys }: Pick<RedisLink, 'keys'>, shard: number) {
    this.#client = client
    this.#key = keys.auditLog(shard)
    this.#headKey = keys.auditHead(shard)
    this.#trimmedKey = keys.auditTrimmed(shard)
    this.#append = client.script(new URL('./append-batch.lua', import.meta.url))
    client.onReady(() => this.#connections++)
  }

  /**
   * Number of connections to Redis made so far. After a reconnect, batches that the previous server accepted may be
   * lost.
   */
  get connections(): number {
    return this.#connections
  }

  get ready(): boolean {
    return this.#client.ready
  }

  /**
   * Appends a batch to the log.
   *
   * @returns the newest batch in the log before this append, and the number of batches in the log after this append
   */
  async append(batch: Batch): Promise<{ readonly seen: Witnessed | undefined; readonly batches: number }> {
    const { seal, packed } = batch
    const args = [JSON.stringify(seal), packed, witnessText(seal)]
    const [seen, batches] = (await this.#append([this.#key, this.#headKey], args)) as [string, number]
    return { seen: readWitnessed(seen), batches }
  }

  /** Returns the newest batch of this shard of the audit log; `undefined` while the shard has no batch. */
  async head(): Promise<Witnessed | undefined> {
    return readWitnessed(String((await this.#client.call('GET', this.#headKey)) ?? ''))
  }

  /** Returns Redis's estimate of the memory that this shard of the audit log takes, bytes. */
  async size(): Promise<number> {
    return Number((await this.#client.call('MEMORY', 'USAGE', this.#key)) ?? 0)
  }

  /** Returns the last batch that was trimmed from the log (trim mark) of each audit chain, by chain id. */
  async trimmed(): Promise<ReadonlyMap<string, TrimMark>> {
    const reply = (await this.#client.call('HGETALL', this.#trimmedKey)) as string[] | Record<string, string>
    const pairs = Array.isArray(reply) ? chunked(reply) : Object.entries(reply)
    return new Map(
      pairs.flatMap(([chain, mark]) => {
        const [, last, hash] = /^([0-9]{1,15}):([0-9a-f]{64}):[0-9]{1,15}$/.exec(mark) ?? []
        return hash === undefined ? [] : [[chain, { last: Number(last), hash }] as const]
      }),
    )
  }
}

function chunked(flat: readonly string[]): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i]!, flat[2 * i + 1]!])
}
