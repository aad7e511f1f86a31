import { performance } from 'node:perf_hooks'
import { KEEP_EVENTS_MS } from '../cluster/event.ts'
import type { Receipt } from '../cluster/receipt.ts'
import { readWrittenEvent } from '../cluster/written-event.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { Durability } from '../revocation/durability.ts'
import {
  ReceiptCollector,
  type ReceiptCollectorDependencies,
  type ReceiptOptions,
} from '../revocation/receipt-collector.ts'
import { END_STREAMS, writeStreamOrder } from './stream-order.ts'
import type { StreamSelector } from './stream-view.ts'

export interface StreamEnderDependencies extends ReceiptCollectorDependencies {
  readonly link: RedisLink
  readonly log: (level: 'info', message: string, fields: Readonly<Record<string, unknown>>) => void
}

/** Receipt of an operator's order to end streams. */
export interface StreamReceipt extends Receipt {
  /** Ids of the nodes whose version is too old to end streams. Their streams continue. */
  readonly unable: readonly string[]
}

/** Ends streams on every node of the cluster, with an event in the cluster log. Revokes no credential. */
export class StreamEnder {
  readonly #dependencies: StreamEnderDependencies
  readonly #receipts: ReceiptCollector
  readonly #client: RedisClient
  readonly #append: RedisScript
  readonly #durability: Durability

  constructor(dependencies: StreamEnderDependencies) {
    this.#dependencies = dependencies
    this.#receipts = new ReceiptCollector(dependencies)
    const { link } = dependencies
    // Use a separate connection, because the Redis command WAIT blocks later calls on the same connection.
    this.#client = link.client('receipt', 'stream-orders')
    this.#append = this.#client.script(new URL('./append-order.lua', import.meta.url))
    this.#durability = new Durability(this.#client, link.keys.events)
  }

  /**
   * Ends the selected streams on each node. The order concerns the streams that exist when the node applies it. A node
   * acknowledges the order after it has ended its streams.
   *
   * @param selector  must have at least one member
   * @throws {GatewayFault} `store-unavailable`. After the faults `no reply in time` and `connection lost before the
   *   reply`, nodes may have received the order
   */
  async end(
    selector: StreamSelector,
    { wait, reason }: Pick<ReceiptOptions, 'wait'> & { readonly reason: string | undefined },
  ): Promise<StreamReceipt> {
    const { link, log } = this.#dependencies
    const { events, members, memberFacts } = link.keys
    const sent = { sentAt: performance.now(), sentMs: Date.now() }
    const values = [END_STREAMS, writeStreamOrder(selector), KEEP_EVENTS_MS]
    const reply = await this.#append([events, members, memberFacts], values)
    const written = readWrittenEvent(reply as string[])
    // A node of an older version acknowledges the order too, but ignores it. So the version of each node is checked.
    const able = written.members.filter(({ eventKinds }) => eventKinds.includes(END_STREAMS))
    const unable = written.members.filter((member) => !able.includes(member)).map((member) => member.id)
    const options = { wait, durable: false, ...sent }
    const receipt = await this.#receipts.collect({ ...written, members: able }, this.#durability, options)
    const { id, position, acknowledged } = receipt
    const missing = receipt.missing.filter((node) => !unable.includes(node))
    log('info', 'streams ended by an operator', {
      receipt: id,
      streams: selector,
      ...(reason !== undefined && { reason }),
      position,
      acknowledged: acknowledged.length,
      missing,
      ...(unable.length > 0 && { unable }),
    })
    return { ...receipt, missing, unable }
  }

  close(): Promise<void> {
    return this.#client.close()
  }
}
