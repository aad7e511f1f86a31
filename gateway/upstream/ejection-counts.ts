import { type EjectionCause, ejectionCauses } from './ejection-rules.ts'

/** Number of ejections since the start of the node, by service, upstream and cause. */
export class EjectionCounts {
  /** Number of ejections by cause, for each service and upstream of the policy in force. @bound policy */
  readonly #counts = new Map<string, Record<EjectionCause, number>>()

  count(service: string, origin: string, cause: EjectionCause): void {
    const key = `${service} ${origin}`
    let counts = this.#counts.get(key)
    if (counts === undefined) {
      counts = { failures: 0, errors: 0, error_rate: 0, slower: 0 }
      this.#counts.set(key, counts)
    }
    counts[cause]++
  }

  /** Returns the causes with at least one ejection of the upstream, and their numbers. */
  of(service: string, origin: string): readonly (readonly [cause: EjectionCause, count: number])[] {
    const counts = this.#counts.get(`${service} ${origin}`)
    if (counts === undefined) return []
    return ejectionCauses.flatMap((cause) => (counts[cause] === 0 ? [] : [[cause, counts[cause]] as const]))
  }

  /**
   * Removes the counts of upstreams that the policy no longer names. @param isNamed  whether the policy has a service
   * with this origin
   */
  keep(isNamed: (key: string) => boolean): void {
    for (const key of this.#counts.keys()) if (!isNamed(key)) this.#counts.delete(key)
  }
}
