import { Supervisor } from '../base/supervisor.ts'

const LOOK_MS = 2000
/**
 * Number of consecutive readings with fewer members after which the count decreases. After Redis lost its data, members
 * return one by one.
 */
const PATIENCE = 8

interface Members {
  list(): Promise<readonly unknown[]>
}

/**
 * Number of cluster members, read from Redis every 2 s. The number is 1 until the first read, and does not change while
 * Redis is unavailable.
 */
export class MemberCount {
  readonly #members: Members
  readonly #task = new Supervisor('cluster-member-count')
  readonly #end: () => void
  #last = 1
  #fewer = 0

  constructor(members: Members) {
    this.#members = members
    this.#end = this.#task.repeat(LOOK_MS, () => this.#look())
    void this.#task.attempt(() => this.#look())
  }

  get last(): number {
    return this.#last
  }

  close(): void {
    this.#end()
  }

  async #look(): Promise<void> {
    try {
      const found = (await this.#members.list()).length
      this.#fewer = found < this.#last ? this.#fewer + 1 : 0
      if (found > this.#last || this.#fewer >= PATIENCE) this.#last = Math.max(1, found)
    } catch {
      // Ignore a failure of Redis: the last count of cluster members stays in use.
    }
  }
}
