import type { Commit } from '../base/commit.ts'
import { Supervisor } from '../base/supervisor.ts'
import { attemptAll } from '../config/problem.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { Introspector, type IntrospectorDependencies } from './introspector.ts'
import { IssuerClient } from './issuer-client.ts'

/** The introspection clients for all issuers of the policy. */
export class Introspectors {
  readonly #dependencies: IntrospectorDependencies
  readonly #client = new IssuerClient()
  readonly #retiring = new Supervisor('issuer-retire')
  /** Introspection client of each issuer, including issuers of older policy snapshots that exchanges still use. */
  readonly #of = new WeakMap<IssuerRules, Introspector>()
  /** Introspection clients of the policy in force. @bound policy */
  #current: ReadonlySet<Introspector> = new Set()

  constructor(dependencies: Omit<IntrospectorDependencies, 'client'>) {
    this.#dependencies = { ...dependencies, client: this.#client }
  }

  of(rules: IssuerRules): Introspector {
    let introspector = this.#of.get(rules)
    if (introspector === undefined) {
      introspector = new Introspector(rules, this.#dependencies)
      this.#of.set(rules, introspector)
    }
    return introspector
  }

  /** Introspects at exactly these issuers from now on: calls {@link prepare} and the function that it returns. */
  retain(rules: Iterable<IssuerRules>): void {
    this.prepare(rules)()
  }

  /**
   * Prepares introspection for the issuers of a new policy. The returned function puts it into effect, and closes the
   * introspection clients of removed issuers when their requests must have ended.
   *
   * @throws {ConfigError} when a secret cannot be read
   */
  prepare(rules: Iterable<IssuerRules>): Commit {
    const asked = [...rules].filter(({ introspection }) => introspection !== undefined)
    const next = new Set(attemptAll(asked.map((each) => () => this.of(each))))
    return () => {
      for (const introspector of this.#current) if (!next.has(introspector)) this.#closeLater(introspector)
      this.#current = next
    }
  }

  /**
   * Closes an introspection client after a delay, because exchanges of the previous snapshot can still wait for a
   * response.
   */
  #closeLater(introspector: Introspector): void {
    this.#retiring.after(introspector.patienceMs, () =>
      this.#current.has(introspector) ? undefined : introspector.close(),
    )
  }

  async close(): Promise<void> {
    await Promise.all([...this.#current].map((introspector) => introspector.close()))
    await this.#client.close()
  }
}
