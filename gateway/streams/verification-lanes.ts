/** Most verifications of one issuer's tokens that streams wait for at the same time. */
const RUNNING_MAX = 16
/** Most queued decisions that start in one turn of the event loop. */
const TURN_MAX = 64

type Decide = () => Promise<void> | undefined

/** The decisions about the streams of one issuer. */
class Lane {
  #running = 0
  /** Queued decisions, and the first one that has not started. */
  #queue: (() => void)[] = []
  #next = 0
  #isPlanned = false

  run(decide: Decide): Promise<void> | undefined {
    if (this.#running < RUNNING_MAX && this.empty) return this.#start(decide)
    return new Promise((resolve, reject) => {
      this.#queue.push(() => {
        try {
          const waits = this.#start(decide)
          if (waits === undefined) resolve()
          else waits.then(resolve, reject)
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  get empty(): boolean {
    return this.#queue.length === 0
  }

  get isIdle(): boolean {
    return this.#running === 0 && this.empty
  }

  #start(decide: Decide): Promise<void> | undefined {
    this.#running++
    let waits: Promise<void> | undefined
    try {
      waits = decide()
    } finally {
      if (waits === undefined) this.#running--
    }
    return waits?.finally(() => {
      this.#running--
      this.#plan()
    })
  }

  /** Starts queued decisions in a later turn of the event loop, because many may need no verification any more. */
  #plan(): void {
    if (this.#isPlanned || this.empty) return
    this.#isPlanned = true
    setImmediate(() => {
      this.#isPlanned = false
      this.#startQueued()
    })
  }

  #startQueued(): void {
    for (let started = 0; started < TURN_MAX && this.#running < RUNNING_MAX && !this.empty; started++) {
      const start = this.#queue[this.#next++]!
      if (this.#next === this.#queue.length) {
        this.#queue = []
        this.#next = 0
      }
      start()
    }
    if (this.#running < RUNNING_MAX) this.#plan()
  }
}

/**
 * Bounds the signature verifications that streams cause after a changed policy or key set. Without a bound, the
 * verifications of requests would wait behind those of all streams of the node.
 */
export class VerificationLanes {
  readonly #lanes = new Map<string, Lane>()

  /**
   * Runs a decision about a stream, now or when one of the 16 places of the issuer is free.
   *
   * @param decide  returns a promise while it waits for a verification
   * @returns resolves when the decision was made; `undefined` when it was made before this method returns
   */
  run(issuer: string, decide: Decide): Promise<void> | undefined {
    const lane = this.#lanes.get(issuer) ?? new Lane()
    this.#lanes.set(issuer, lane)
    const waits = lane.run(decide)
    if (waits === undefined) this.#drop(issuer, lane)
    return waits?.finally(() => this.#drop(issuer, lane))
  }

  #drop(issuer: string, lane: Lane): void {
    if (lane.isIdle && this.#lanes.get(issuer) === lane) this.#lanes.delete(issuer)
  }
}
