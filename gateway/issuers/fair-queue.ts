/** The waiting introspection requests of one client, oldest first. */
type Line<T> = Set<T>

/**
 * Queue of introspection requests that serves clients in rotation, so that a client with many requests delays only
 * itself. When the queue is full, a new request replaces the newest request of the client with the most requests. The
 * new request is rejected if its own client would then have the most.
 *
 * @bound owner
 */
export class FairQueue<T extends object> {
  readonly #max: number
  readonly #maxOfOne: number
  /** Clients with waiting introspection requests, in the order of service. The first client is served next. */
  readonly #lines = new Map<string, Line<T>>()
  #size = 0

  /**
   * @param max       maximum number of waiting requests of all clients together
   * @param maxOfOne  maximum number of waiting requests of one client
   */
  constructor(max: number, maxOfOne: number) {
    this.#max = max
    this.#maxOfOne = maxOfOne
  }

  get size(): number {
    return this.#size
  }

  /**
   * Adds an introspection request to the queue.
   *
   * @returns the rejected request: the new request, or an older request that was removed for it; `undefined` when no
   *   request was rejected
   */
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

  /**
   * Removes and returns the oldest introspection request of the next client, and moves the client to the end of the
   * rotation.
   */
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

  /** Removes a waiting introspection request. Does nothing if the request is not in the queue. */
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
