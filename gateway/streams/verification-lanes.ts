/** Maximum number of token verifications for one issuer that run at the same time because of streams. */
const RUNNING_MAX = 16
/** Maximum number of queued stream checks that start in one turn of the event loop. */
const TURN_MAX = 64

type Decide = () => Promise<void> | undefined

/** Queue for the checks of all streams whose tokens are from one issuer. */
class Lane {
  #running = 0
  /**
   * Queued checks; `next` is the index of the first check that has not started.
   *
   * @bound one for each open stream (`streams.max`) | the request is refused | none
   */
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

  /**
   * Starts the queued checks in a later turn of the event loop, because many of them may need no verification by then.
   */
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
 * Limits the signature verifications that streams cause after a change of the policy or of a key set. Without this
 * limit, verifications for requests would wait behind those for all streams of the node.
 */
export class VerificationLanes {
  /** Lanes by issuer. @bound policy */
  readonly #lanes = new Map<string, Lane>()

  /**
   * Runs the check of a stream: now, or when fewer than 16 verifications run for the issuer of its token.
   *
   * @param decide  makes the check; returns a promise if the check must wait for a verification
   * @returns a promise that resolves after the check; `undefined` when the check was complete before this method
   *   returns
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
