import type { Commit } from '../base/commit.ts'
import { Supervisor } from '../base/supervisor.ts'
import { attemptAll } from '../config/problem.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { IssuerClient } from './issuer-client.ts'
import { LoginClient, type LoginClientDependencies } from './login-client.ts'

/** The login clients for all issuers of the policy that offer a login. */
export class LoginClients {
  readonly #dependencies: LoginClientDependencies
  readonly #client = new IssuerClient()
  readonly #retiring = new Supervisor('issuer-retire')
  /** Login client of each issuer, including issuers of older policy snapshots that exchanges still use. */
  readonly #of = new WeakMap<IssuerRules, LoginClient>()
  /** Login clients of the policy in force. @bound policy */
  #current: ReadonlySet<LoginClient> = new Set()

  constructor(dependencies: Omit<LoginClientDependencies, 'client'>) {
    this.#dependencies = { ...dependencies, client: this.#client }
  }

  /**
   * Returns the login client of an issuer.
   *
   * @param rules  rules of an issuer that has `login` settings
   */
  of(rules: IssuerRules): LoginClient {
    let client = this.#of.get(rules)
    if (client === undefined) {
      client = new LoginClient(rules, this.#dependencies)
      this.#of.set(rules, client)
    }
    return client
  }

  /**
   * Prepares logins at the issuers of a new policy. The returned function puts them into effect, and closes the login
   * clients of removed issuers when their calls must have ended.
   *
   * @throws {ConfigError} when a secret cannot be read
   */
  prepare(rules: Iterable<IssuerRules>): Commit {
    const used = [...rules].filter(({ login }) => login !== undefined)
    const next = new Set(attemptAll(used.map((each) => () => this.of(each))))
    return () => {
      for (const client of this.#current) if (!next.has(client)) this.#closeLater(client)
      this.#current = next
    }
  }

  /** Closes a login client after a delay, because a login of the previous policy snapshot can still be in progress. */
  #closeLater(client: LoginClient): void {
    this.#retiring.after(client.patienceMs, () => (this.#current.has(client) ? undefined : client.close()))
  }

  async close(): Promise<void> {
    await Promise.all([...this.#current].map((client) => client.close()))
    await this.#client.close()
  }
}
