import { setTimeout as sleep } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { Cluster, Redis } from 'ioredis'
import { packLines, streamFields } from '../../gateway/audit/batch.ts'
import { chainStart, seal } from '../../gateway/audit/seal.ts'
import { atEnd } from './cleanup.ts'

/** Writes batches of audit records to the audit log in Redis, in the format of a node. */
export class AuditWriter {
  readonly redis: Redis | Cluster
  readonly ids: string[] = []
  readonly #chain: string
  readonly #key: string
  #last = 0
  #previous = chainStart

  /** @param place  port of a Redis on 127.0.0.1, or the hosts of a Redis Cluster */
  constructor(place: number | readonly string[], chain = 'node-1.0123456789ab', shard = 0) {
    this.redis = typeof place === 'number' ? new Redis(place, '127.0.0.1') : new Cluster([...place])
    this.redis.on('error', () => {})
    this.#chain = chain
    this.#key = `gh:{a${shard}}:log`
    atEnd(() => this.redis.disconnect())
  }

  /**
   * @param members  fields that override those of the default record (an admitted exchange), by the number of the
   * record
   */
  async write(
    count: number,
    members: (number: number) => Readonly<Record<string, unknown>> = () => ({}),
  ): Promise<string> {
    const first = this.#last + 1
    const lines = Array.from({ length: count }, () => this.#line(members))
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
    const sums = Buffer.alloc(lines.length * 4)
    for (const [i, line] of lines.entries()) sums.writeUInt32BE(crc32(line), i * 4)
    const draft = {
      chain: this.#chain,
      first,
      last: this.#last,
      previous: this.#previous,
      lost: 0,
      sums: sums.toString('base64'),
    }
    const sealed = seal(draft, bytes, undefined)
    this.#previous = sealed.hash
    const fields = streamFields({ seal: sealed, packed: packLines(bytes) })
    return this.#append(fields)
  }

  /** Appends an entry. Retries every 100 ms for at most 60 s, because Redis rejects writes during a failover. */
  async #append(fields: readonly (string | Buffer)[]): Promise<string> {
    for (const deadline = performance.now() + 60_000; ; ) {
      try {
        return (await this.redis.xadd(this.#key, '*', ...fields))!
      } catch (error) {
        if (performance.now() > deadline) throw error
        await sleep(100)
      }
    }
  }

  #line(members: (number: number) => Readonly<Record<string, unknown>>): string {
    const number = ++this.#last
    const id = `${this.#chain}-${number}`
    this.ids.push(id)
    return JSON.stringify({
      id,
      time: new Date().toISOString(),
      kind: 'exchange',
      'gatehouse.node': 'node-1',
      'user.id': 'alice',
      'gatehouse.issuer': 'https://idp.example',
      'gatehouse.service': 'orders',
      'gatehouse.route': 'orders.read',
      'http.request.method': 'GET',
      'url.path': `/orders/${number}`,
      'gatehouse.request.id': `r${number}`,
      trace_id: '0af7651916cd43dd8448eb211c80319c',
      'gatehouse.decision': 'admitted',
      'gatehouse.reason': 'admitted',
      'http.response.status_code': 200,
      'gatehouse.gate_ms': 0.125,
      ...members(number),
    })
  }
}
