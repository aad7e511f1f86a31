import type { Commit } from '../base/commit.ts'
import { Supervisor } from '../base/supervisor.ts'
import type { Secrets } from '../config/secrets.ts'
import { GrantClients } from '../issuers/grant-clients.ts'
import type { ClientGrant } from '../oauth/client-grant.ts'
import { instruments } from '../telemetry/instruments.ts'
import type { MetricSink, MetricSource } from '../telemetry/metrics.ts'
import { GrantHolder, type GrantHolderOptions } from './grant-holder.ts'

/** Time between two checks whether tokens of client credentials grants are due for renewal, ms. */
const CHECK_MS = 1000

export interface ServiceGrantsDependencies extends Pick<GrantHolderOptions, 'requester' | 'order' | 'now' | 'log'> {
  readonly secrets: Secrets
  /**
   * Time between two checks whether tokens of client credentials grants are due for renewal, ms. Default
   * {@link CHECK_MS}.
   */
  readonly checkMs?: number
}

/**
 * State of the token of one client credentials grant, for operators. Names are in snake_case, because the admin API
 * sends this object.
 */
export interface GrantListing {
  readonly issuer: string
  readonly client_id: string
  /** Time at which the token of the grant expires, RFC 3339; `null` without a token. */
  readonly expires_at: string | null
  readonly problem: string | null
}

/**
 * The gate's own tokens for services (client credentials grants) on this node. They are renewed in advance, so that
 * exchanges seldom wait for a token.
 */
export class ServiceGrants implements MetricSource {
  readonly #dependencies: ServiceGrantsDependencies
  readonly #clients: GrantClients
  readonly #task = new Supervisor('service-grants')
  /**
   * Token holder of each client credentials grant, including grants of older policy snapshots that exchanges still use.
   */
  readonly #of = new WeakMap<ClientGrant, GrantHolder>()
  /** Token holder of each client credentials grant of the policy in force. @bound policy */
  #current: ReadonlyMap<string, GrantHolder> = new Map()
  #endChecking: (() => void) | undefined

  constructor(dependencies: ServiceGrantsDependencies) {
    this.#dependencies = dependencies
    this.#clients = new GrantClients(dependencies.secrets)
  }

  /**
   * Returns the value of `Authorization` for an exchange: at once while the token is valid.
   *
   * @param grant  a grant of a policy that was prepared with {@link prepare}
   * @param known  whether the caller of the exchange is authenticated
   * @throws {GatewayFault} as a rejection, when the node has no valid token and cannot obtain one now
   */
  bearer(grant: ClientGrant, nowMs: number, known: boolean): string | Promise<string> {
    return this.#of.get(grant)!.bearer(nowMs, known)
  }

  /**
   * Returns a newer value of `Authorization` than the value that a service refused; `undefined` when no newer token
   * exists. Because of refusals, the nodes of the cluster together renew a token at most once in 30 s. Never rejects
   * for a failure of Redis or the issuer.
   */
  newer(grant: ClientGrant, refused: string): Promise<string | undefined> {
    return this.#of.get(grant)!.newer(refused)
  }

  /**
   * Prepares the tokens of a new policy. The returned function puts them into effect, and requests the tokens that this
   * node does not have yet in the background.
   *
   * @throws {ConfigError} when a secret cannot be read or is unusable
   */
  prepare(grants: readonly ClientGrant[]): Commit {
    const commit = this.#clients.prepare(grants)
    return () => {
      commit()
      const next = new Map<string, GrantHolder>()
      for (const each of grants) {
        const { grant, client } = this.#clients.of(each.id)!
        const old = this.#current.get(grant.id)
        const holder =
          next.get(grant.id) ??
          (old?.client === client ? old : new GrantHolder({ ...this.#dependencies, grant, client }, old?.token))
        next.set(grant.id, holder)
        this.#of.set(each, holder)
      }
      this.#current = next
      this.#endChecking?.()
      const { checkMs = CHECK_MS } = this.#dependencies
      this.#endChecking = next.size === 0 ? undefined : this.#task.repeat(checkMs, () => this.renew())
      if (next.size > 0) void this.#task.attempt(() => this.renew())
    }
  }

  /** Renews all tokens of client credentials grants that are due for renewal. */
  async renew(): Promise<void> {
    await Promise.all([...this.#current.values()].map((holder) => holder.renew()))
  }

  list(): GrantListing[] {
    return [...this.#current.values()].map(({ grant, token, problem }) => ({
      issuer: grant.rules.name,
      client_id: grant.clientId,
      expires_at: token === undefined ? null : new Date(token.expiresAtMs).toISOString(),
      problem: problem ?? null,
    }))
  }

  collect(sink: MetricSink): void {
    const nowMs = this.#dependencies.now()
    const byClient = Map.groupBy(
      this.#current.values(),
      ({ grant: { rules, clientId } }) => `${rules.name} ${clientId}`,
    )
    for (const holders of byClient.values()) {
      const { rules, clientId } = holders[0]!.grant
      const ends = holders.map(({ token }) => token?.expiresAtMs ?? 0)
      const seconds = Math.max(0, (Math.min(...ends) - nowMs) / 1000)
      sink.value(instruments.serviceTokenSeconds, seconds, { issuer: rules.name, client: clientId })
    }
    this.#dependencies.requester.collect(sink)
  }

  async close(): Promise<void> {
    this.#endChecking?.()
    await this.#clients.close()
    await Promise.all([...this.#current.values()].map((holder) => holder.settled()))
  }
}
