const LOOK_MS = 2000

interface Members {
  list(): Promise<readonly unknown[]>
}

/** How many members the cluster had when it was last seen: known at once, and also while Redis is away. */
export class MemberCount {
  readonly #members: Members
  readonly #timer: NodeJS.Timeout
  #last = 1

  constructor(members: Members) {
    this.#members = members
    this.#timer = setInterval(() => void this.#look(), LOOK_MS).unref()
    void this.#look()
  }

  get last(): number {
    return this.#last
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    try {
      this.#last = Math.max(1, (await this.#members.list()).length)
    } catch {
      // Redis is away: the last number is what there is.
    }
  }
}
