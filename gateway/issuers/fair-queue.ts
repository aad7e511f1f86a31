/** One client's waiting questions, in order. */
type Line<T> = Set<T>

/**
 * Waiting questions, served by client in turns: a client that asks much waits behind its own questions only. Bounded: when the queue
 * is full, the client with the most questions loses its newest one.
 */
export class FairQueue<T extends object> {
  readonly #max: number
  readonly #maxOfOne: number
  /** In the order of service: the first client is next. */
  readonly #lines = new Map<string, Line<T>>()
  #size = 0

  /**
   * @param max       questions of all clients
   * @param maxOfOne  questions of one client
   */
  constructor(max: number, maxOfOne: number) {
    this.#max = max
    this.#maxOfOne = maxOfOne
  }

  get size(): number {
    return this.#size
  }

  /** @returns the question that has no place: the given one, one that was dropped for it, or `undefined` */
  add(client: string, question: T): T | undefined {
    const line = this.#lines.get(client)
    if (line !== undefined && line.size >= this.#maxOfOne) return question
    let dropped: T | undefined
    if (this.#size >= this.#max) {
      const [longest, waiting] = this.#longest()
      if (waiting.size <= (line?.size ?? 0) + 1) return question
      dropped = [...waiting].at(-1)!
      this.remove(longest, dropped)
    }
    if (line === undefined) this.#lines.set(client, new Set([question]))
    else line.add(question)
    this.#size++
    return dropped
  }

  /** Takes the oldest question of the client whose turn it is; the client goes to the end. */
  next(): T | undefined {
    for (const [client, line] of this.#lines) {
      const [question] = line
      this.#lines.delete(client)
      line.delete(question!)
      if (line.size > 0) this.#lines.set(client, line)
      this.#size--
      return question
    }
    return undefined
  }

  /** A question that waits no more. Nothing happens where it is not in the queue. */
  remove(client: string, question: T): void {
    const line = this.#lines.get(client)
    if (line?.delete(question) !== true) return
    this.#size--
    if (line.size === 0) this.#lines.delete(client)
  }

  #longest(): [string, Line<T>] {
    let found: [string, Line<T>] | undefined
    for (const entry of this.#lines) if (found === undefined || entry[1].size > found[1].size) found = entry
    return found!
  }
}
