/** Maximum number of audit records that the live view keeps. Beyond it, the oldest tenth is dropped. */
const RECORDS_MAX = 100_000
/** Number of old records that are dropped together when the buffer is full, so that a new record rarely moves others. */
const DROPPED_TOGETHER = 10_000

/** The newest records of the live view. When it is full, the oldest tenth is dropped. */
export class RecordBuffer<Item extends { readonly id: string }> {
  #items: Item[] = []
  #ids = new Set<string>()
  #added = 0

  get size(): number {
    return this.#items.length
  }

  /** Number of records that were added since the buffer was created, dropped records included. */
  get added(): number {
    return this.#added
  }

  /** Adds a record, unless the buffer has a record with its id: after a reconnection the stream repeats some. */
  add(item: Item): void {
    if (this.#ids.has(item.id)) return
    this.#ids.add(item.id)
    this.#items.push(item)
    this.#added++
    if (this.#items.length > RECORDS_MAX) {
      for (const { id } of this.#items.splice(0, DROPPED_TOGETHER)) this.#ids.delete(id)
    }
  }

  /** @param index  0: the newest record */
  newest(index: number): Item {
    return this.#items[this.#items.length - 1 - index]!
  }
}
