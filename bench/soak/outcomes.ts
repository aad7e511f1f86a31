/** Counts of what the clients of a soak did, and of what failed. */
export class Outcomes {
  /** Number of completed actions by name, such as `upload`. */
  readonly done: Record<string, number> = {}
  /** Number of failures by action and cause. */
  readonly failures: Record<string, number> = {}

  /** Number of due requests that were not sent, because no connection became free within 1 s. */
  unsent = 0

  count(action: string): void {
    this.done[action] = (this.done[action] ?? 0) + 1
  }

  fail(action: string, cause: string): void {
    const name = `${action}: ${cause}`
    this.failures[name] = (this.failures[name] ?? 0) + 1
  }

  get failed(): number {
    return Object.values(this.failures).reduce((sum, count) => sum + count, 0)
  }

  /** Runs an action once. A rejection is counted as its failure. */
  async attempt(action: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
      this.count(action)
    } catch (error) {
      this.fail(action, error instanceof Error ? error.message : String(error))
    }
  }
}
