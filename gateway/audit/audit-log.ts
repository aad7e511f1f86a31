import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import type { Batch } from './batch.ts'
import { readWitnessed, type Witnessed, witnessText } from './seal.ts'

/** The last batch of a chain that was taken out of the log: the chain goes on behind it. */
export interface TrimMark {
  readonly last: number
  readonly hash: string
}

/** One stream of batches in Redis, as a node writes to it; `LogReader` reads it. What it throws is a `RedisFault`; an append that failed may have been carried out. */
export class AuditLog {
  readonly #client: RedisClient
  readonly #key: string
  readonly #headKey: string
  readonly #trimmedKey: string
  readonly #append: RedisScript
  #connections = 0

  /** @param client  its own: requests never wait for the log, and the log waits for no request */
  constructor(client: RedisClient, { keys }: Pick<RedisLink, 'keys'>, shard: number) {
    this.#client = client
    this.#key = keys.auditLog(shard)
    this.#headKey = keys.auditHead(shard)
    this.#trimmedKey = keys.auditTrimmed(shard)
    this.#append = client.script(new URL('./append-batch.lua', import.meta.url))
    client.onReady(() => this.#connections++)
  }

  /** How many connections there were so far: what the last one took may be gone with its server. */
  get connections(): number {
    return this.#connections
  }

  get ready(): boolean {
    return this.#client.ready
  }

  /** @returns the newest batch before it, and how many batches there are now */
  async append(batch: Batch): Promise<{ readonly seen: Witnessed | undefined; readonly batches: number }> {
    const { seal, packed } = batch
    const args = [JSON.stringify(seal), packed, witnessText(seal)]
    const [seen, batches] = (await this.#append([this.#key, this.#headKey], args)) as [string, number]
    return { seen: readWitnessed(seen), batches }
  }

  /** The newest batch; `undefined` while there was none. */
  async head(): Promise<Witnessed | undefined> {
    return readWitnessed(String((await this.#client.call('GET', this.#headKey)) ?? ''))
  }

  /** Memory that Redis estimates for the stream, bytes. */
  async size(): Promise<number> {
    return Number((await this.#client.call('MEMORY', 'USAGE', this.#key)) ?? 0)
  }

  /** By chain. */
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
