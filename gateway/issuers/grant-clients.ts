import { isDeepStrictEqual } from 'node:util'
import type { Commit } from '../base/commit.ts'
import { Supervisor } from '../base/supervisor.ts'
import type { Secrets } from '../config/secrets.ts'
import type { ClientGrant } from '../oauth/client-grant.ts'
import { GrantClient } from './grant-client.ts'
import { IssuerClient } from './issuer-client.ts'

/** The clients for all client credentials grants of the policy in force, by the id of the grant. */
export class GrantClients {
  readonly #secrets: Secrets
  readonly #client = new IssuerClient()
  readonly #retiring = new Supervisor('issuer-retire')
  /** Clients for client credentials grants of the policy in force, by the id of the grant. @bound policy */
  #current: ReadonlyMap<string, { readonly grant: ClientGrant; readonly client: GrantClient }> = new Map()

  constructor(secrets: Secrets) {
    this.#secrets = secrets
  }

  /**
   * Returns a client credentials grant and its client.
   *
   * @returns `undefined` when the policy in force has no grant with this id
   */
  of(id: string): { readonly grant: ClientGrant; readonly client: GrantClient } | undefined {
    return this.#current.get(id)
  }

  /**
   * Prepares the clients for the grants of a policy. Equal grants share one client, and an unchanged grant keeps its
   * client. The returned function switches to the prepared clients. It closes each client that is no longer used, but
   * only after the longest time that one of its requests may take.
   *
   * @throws {ConfigError} when a secret cannot be read or is unusable
   */
  prepare(grants: Iterable<ClientGrant>): Commit {
    const next = new Map<string, { readonly grant: ClientGrant; readonly client: GrantClient }>()
    const opened: GrantClient[] = []
    try {
      for (const grant of grants) {
        if (next.has(grant.id)) continue
        const known = this.#current.get(grant.id)
        if (known !== undefined && isSame(known.grant, grant)) {
          next.set(grant.id, known)
          continue
        }
        const client = new GrantClient(grant, { client: this.#client, secrets: this.#secrets })
        opened.push(client)
        next.set(grant.id, { grant, client })
      }
    } catch (error) {
      for (const client of opened) void this.#retiring.attempt(() => client.close())
      throw error
    }
    return () => {
      for (const [id, { client }] of this.#current) {
        if (next.get(id)?.client !== client) this.#retiring.after(client.patienceMs, () => client.close())
      }
      this.#current = next
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#current.values()].map(({ client }) => client.close()))
    await this.#client.close()
  }
}

/**
 * Whether two client credentials grants with the same id also have the same issuer rules, client authentication and
 * timeout.
 */
function isSame(a: ClientGrant, b: ClientGrant): boolean {
  return a.rules === b.rules && a.timeoutMs === b.timeoutMs && isDeepStrictEqual([a.auth, a.path], [b.auth, b.path])
}
