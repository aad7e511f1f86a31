import { ignoreOutage } from '../base/fault.ts'
import { Supervisor } from '../base/supervisor.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { instruments } from '../telemetry/instruments.ts'
import type { MetricSink, MetricSource } from '../telemetry/metrics.ts'

const LOOK_MS = 10_000
/** Pause after a read of the number of sessions without a reply, as at the start of the node, ms. */
const RETRY_MS = 1000

/** Number of sessions by name of the issuer. */
type Counts = readonly (readonly [issuer: string, count: number])[]

interface Counted {
  count(issuer: string): Promise<number>
  trim(issuer: string): Promise<void>
}

/**
 * Number of login sessions of the cluster by login issuer, read from Redis every 10 s with one O(log n) call per issuer.
 * Then removes ended sessions from the list that is counted. A scrape reads the last number. Without values while Redis does not answer.
 */
export class SessionCount implements MetricSource {
  readonly #sessions: Counted
  readonly #issuers: () => ReadonlyMap<string, IssuerRules>
  readonly #task = new Supervisor('session-count')
  readonly #end: () => void
  /** Numbers at the last reading, by login issuer. @bound policy */
  #counts: Counts = []
  #known = false

  /** @param issuers  returns the issuers of the policy in force */
  constructor(sessions: Counted, issuers: () => ReadonlyMap<string, IssuerRules>) {
    this.#sessions = sessions
    this.#issuers = issuers
    this.#end = this.#task.repeat(
      () => (this.#known ? LOOK_MS : RETRY_MS),
      () => this.#look(),
    )
  }

  collect(sink: MetricSink): void {
    for (const [issuer, count] of this.#counts) sink.value(instruments.sessions, count, { issuer })
  }

  close(): void {
    this.#end()
  }

  async #look(): Promise<void> {
    const named = [...this.#issuers().values()].filter(({ login }) => login !== undefined)
    const read = named.map(async ({ issuer, name }) => [name, await this.#sessions.count(issuer)] as const)
    this.#known = false
    await ignoreOutage(
      Promise.all(read).then((counts) => {
        this.#counts = counts
        this.#known = true
      }),
    )
    // Show no number of sessions while Redis is unavailable: an old number would look like a current one.
    if (!this.#known) this.#counts = []
    for (const { issuer } of this.#known ? named : []) await ignoreOutage(this.#sessions.trim(issuer))
  }
}
