import type { Commit } from '../base/commit.ts'
import { Supervisor } from '../base/supervisor.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { IssuerClient } from './issuer-client.ts'
import { TokenEndpoint } from './token-endpoint.ts'

/** Maximum wait for a slot, and for one reply of an issuer, ms. */
const TIMEOUT_MS = 10_000

/**
 * The token endpoints of all issuers, for callers that send their own client id and secret. Each issuer has slots and
 * connections that introspection and logins do not share.
 */
export class TokenEndpoints {
  readonly #client = new IssuerClient()
  readonly #retiring = new Supervisor('issuer-retire')
  /** Token endpoint of each issuer. @bound policy */
  readonly #of = new Map<IssuerRules, TokenEndpoint>()

  of(rules: IssuerRules): TokenEndpoint {
    let endpoint = this.#of.get(rules)
    if (endpoint === undefined) {
      endpoint = new TokenEndpoint({ client: this.#client, rules, timeoutMs: TIMEOUT_MS })
      this.#of.set(rules, endpoint)
    }
    return endpoint
  }

  /**
   * Prepares a change of the policy. The returned function closes the token endpoints of removed issuers when their
   * calls must have ended.
   */
  prepare(rules: Iterable<IssuerRules>): Commit {
    const next = new Set(rules)
    return () => {
      for (const [issuer, endpoint] of this.#of) {
        if (next.has(issuer)) continue
        this.#of.delete(issuer)
        this.#retiring.after(endpoint.patienceMs, () => endpoint.close())
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#of.values()].map((endpoint) => endpoint.close()))
    await this.#client.close()
  }
}
