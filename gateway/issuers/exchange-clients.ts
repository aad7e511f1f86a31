import type { Commit } from '../base/commit.ts'
import { Supervisor } from '../base/supervisor.ts'
import type { Secrets } from '../config/secrets.ts'
import type { ExchangeTerms } from '../oauth/exchange-terms.ts'
import { AuthenticatedEndpoint } from './authenticated-endpoint.ts'
import { ClientAuthentication } from './client-credentials.ts'
import { ExchangeClient } from './exchange-client.ts'
import { IssuerClient } from './issuer-client.ts'

/** The clients that exchange tokens: one for each entry `credentials: { type: token_exchange }` of the policy. */
export class ExchangeClients {
  readonly #secrets: Secrets
  readonly #client = new IssuerClient()
  readonly #retiring = new Supervisor('issuer-retire')
  /**
   * Token exchange client of each policy entry, including entries of older policy snapshots that running requests still
   * use.
   */
  readonly #of = new WeakMap<ExchangeTerms, ExchangeClient>()
  /**
   * Token exchange clients of the policy in force. The key is the JSON text of all exchange parameters. @bound policy
   */
  #current: ReadonlyMap<string, ExchangeClient> = new Map()

  constructor(secrets: Secrets) {
    this.#secrets = secrets
  }

  /**
   * Returns the client that exchanges tokens with these parameters.
   *
   * @param terms  exchange parameters of a policy that was prepared with {@link prepare}
   */
  of(terms: ExchangeTerms): ExchangeClient {
    return this.#of.get(terms)!
  }

  /**
   * Opens the token exchange clients of a new policy. An unchanged entry keeps its client. The returned function puts
   * the clients into effect, and closes those that only the previous policy used, when their calls must have ended.
   *
   * @throws {ConfigError} when a secret cannot be read
   */
  prepare(terms: Iterable<ExchangeTerms>): Commit {
    const next = new Map<string, ExchangeClient>()
    const opened: ExchangeClient[] = []
    try {
      for (const each of terms) {
        const name = JSON.stringify({ ...each, issuer: each.issuer.issuer })
        let client = next.get(name) ?? this.#current.get(name)
        if (client === undefined || client.issuer !== each.issuer) {
          client = this.#open(each)
          opened.push(client)
        }
        next.set(name, client)
        this.#of.set(each, client)
      }
    } catch (error) {
      for (const client of opened) this.#closeLater(client)
      throw error
    }
    return () => {
      const kept = new Set(next.values())
      for (const client of this.#current.values()) if (!kept.has(client)) this.#closeLater(client)
      this.#current = next
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#current.values()].map((client) => client.close()))
    await this.#client.close()
  }

  #open(terms: ExchangeTerms): ExchangeClient {
    const { issuer, clientId, auth, actor, path, timeoutMs } = terms
    const usedBy = `token exchange at issuer ${issuer.name}`
    const authentication = new ClientAuthentication(auth, { path, usedBy }, this.#secrets)
    const grants = new AuthenticatedEndpoint({
      client: this.#client,
      rules: issuer,
      timeoutMs,
      clientId,
      authentication,
    })
    try {
      const opened = actor && this.#secrets.open(actor.place, { path: [...path, 'actor_token'], usedBy })
      return new ExchangeClient({ terms, grants, actor: opened })
    } catch (error) {
      authentication.close()
      throw error
    }
  }

  #closeLater(client: ExchangeClient): void {
    this.#retiring.after(client.patienceMs, () => client.close())
  }
}
