/** The owner of a stream that counts against limits, and the limits of its route. */
export interface StreamClaim {
  /** Id of the route of the stream. */
  readonly route: string
  /** Key of the client address: an IPv4 address or an IPv6 /64. */
  readonly address: string
  /** Key of the subject with its issuer; `undefined` on a public route. */
  readonly subject: string | undefined
  /** Limits of the route on this node; `undefined` for none. */
  readonly max: number | undefined
  readonly maxPerSubject: number | undefined
}

/** Limits for the streams of all routes on a node. */
export interface StreamLimits {
  readonly max: number
  readonly maxPerAddress: number
}

/**
 * Counts the streams of this node for their limits: in total, by route, by client address, and by subject of a route.
 */
export class StreamCounts {
  readonly #limits: StreamLimits
  /**
   * Number of streams by route, address and subject.
   *
   * @bound 4 for each open stream (`streams.max`) | the request is refused | gatehouse_streams
   */
  readonly #counts = new Map<string, number>()
  #total = 0

  constructor(limits: StreamLimits) {
    this.#limits = limits
  }

  /**
   * Counts a stream, if all its limits have room.
   *
   * @returns the reason why a limit has no room; nothing is then counted
   */
  take(claim: StreamClaim): 'streams-full' | 'stream-limited' | undefined {
    const { max, maxPerSubject } = claim
    const [route, address, subject] = keysOf(claim)
    if (this.#total >= this.#limits.max || this.#of(route!) >= (max ?? Number.POSITIVE_INFINITY)) return 'streams-full'
    if (this.#of(address!) >= this.#limits.maxPerAddress) return 'stream-limited'
    if (subject !== undefined && this.#of(subject) >= (maxPerSubject ?? Number.POSITIVE_INFINITY))
      return 'stream-limited'
    this.#total++
    for (const key of keysOf(claim)) this.#counts.set(key, this.#of(key) + 1)
    return undefined
  }

  giveBack(claim: StreamClaim): void {
    this.#total--
    for (const key of keysOf(claim)) {
      const left = this.#of(key) - 1
      if (left === 0) this.#counts.delete(key)
      else this.#counts.set(key, left)
    }
  }

  #of(key: string): number {
    return this.#counts.get(key) ?? 0
  }
}

/** The first letter of a key shows its kind, so that keys of different kinds never collide. */
function keysOf({ route, address, subject }: StreamClaim): string[] {
  const keys = [`r${route}`, `a${address}`]
  if (subject !== undefined) keys.push(`s${route}\0${subject}`)
  return keys
}
