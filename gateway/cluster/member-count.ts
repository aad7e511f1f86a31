import { Supervisor } from '../base/supervisor.ts'

const LOOK_MS = 2000
/** Looks in a row that find fewer before fewer are believed: members of a Redis that was emptied come back one by one. */
const PATIENCE = 8

interface Members {
  list(): Promise<readonly unknown[]>
}

/** How many members the cluster had when it was last seen: known at once, and also while Redis is away. */
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
      // Redis is away: the last number is what there is.
    }
  }
}
