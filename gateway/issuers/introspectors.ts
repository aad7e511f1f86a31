import type { Commit } from '../base/commit.ts'
import { Supervisor } from '../base/supervisor.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { Introspector, type IntrospectorDependencies } from './introspector.ts'
import { IssuerClient } from './issuer-client.ts'

/** The introspection clients of the policy's issuers. */
export class Introspectors {
  readonly #dependencies: IntrospectorDependencies
  readonly #client = new IssuerClient()
  readonly #retiring = new Supervisor('issuer-retire')
  /** Includes issuers of older snapshots that exchanges still use. */
  readonly #of = new WeakMap<IssuerRules, Introspector>()
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

  /** Follows exactly these issuers from now on. Runs {@link prepare} and its commit in one step. */
  retain(rules: Iterable<IssuerRules>): void {
    this.prepare(rules)()
  }

  /**
   * Prepares to follow exactly the issuers of a policy. The commit closes the introspectors of removed issuers once
   * their questions have ended.
   *
   * @throws {ConfigError} when a secret cannot be read
   */
  prepare(rules: Iterable<IssuerRules>): Commit {
    const asked = [...rules].filter(({ introspection }) => introspection !== undefined)
    const next = new Set(asked.map((each) => this.of(each)))
    return () => {
      for (const introspector of this.#current) if (!next.has(introspector)) this.#closeLater(introspector)
      this.#current = next
    }
  }

  /** Closes an introspector later, because exchanges of the previous snapshot may still wait for an answer. */
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
