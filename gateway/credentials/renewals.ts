import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sealer } from '../base/sealer.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'

/** Shortest time between two renewals of the same refused credential by any nodes of the cluster, ms. */
const INTERVAL_MS = 30_000
/** Maximum number of recent credential renewals that this node remembers. A further renewal replaces the oldest. */
const LOCAL_MAX = 1024
const POLL_MIN_MS = 20
const POLL_MAX_MS = 200

/**
 * A renewed credential for a service. It can be used from `sinceMs` on and before `untilMs`; both are ms since the
 * epoch.
 */
export interface RenewedCredential {
  readonly value: string
  readonly sinceMs: number
  readonly untilMs: number
}

type Renew = () => Promise<RenewedCredential | undefined>

interface LocalRenewal {
  readonly renewed: Promise<RenewedCredential | undefined>
  readonly untilMs: number
}

export interface RenewalsDependencies {
  /**
   * Connection to Redis and names of its keys; `undefined` for a node without Redis, which limits its renewals alone.
   */
  readonly redis: { readonly store: RedisClient; readonly keys: RedisKeys } | undefined
  /** Encrypts renewed credentials for the other nodes. */
  readonly sealer: Sealer
  /** Returns the time of a monotonic clock, ms. Default: the clock of the process. */
  readonly now?: (() => number) | undefined
}

/**
 * Renews credentials that a service refused. All nodes of the cluster together renew a credential at most once in 30 s.
 * The node that renews a credential shares it with the other nodes, encrypted in Redis. While Redis is unavailable,
 * each node renews a credential at most once in 30 s.
 */
export class Renewals {
  readonly #redis: RenewalsDependencies['redis']
  readonly #sealer: Sealer
  readonly #now: () => number
  readonly #claim: RedisScript | undefined
  /**
   * Credential renewals of the last 30 s, by the id of the credential.
   *
   * @bound {@link LOCAL_MAX} renewals | the oldest is forgotten | none
   */
  readonly #local = new Map<string, LocalRenewal>()

  constructor({ redis, sealer, now }: RenewalsDependencies) {
    this.#redis = redis
    this.#sealer = sealer
    this.#now = now ?? (() => performance.now())
    this.#claim = redis?.store.script(new URL('./claim-renewal.lua', import.meta.url))
  }

  /**
   * Returns a credential that is newer than the refused credential; `undefined` when no newer credential exists.
   *
   * @param id         keyed hash of the credential's parameters (issuer, client, scopes …); the same on all nodes
   * @param refused    the credential that the service refused
   * @param patienceMs  longest wait for the renewal by another node, ms
   * @param renew      requests a new credential; called at most once in 30 s for each `id`. It returns `undefined` when
   *   no credential was granted
   */
  async newer(id: string, refused: string, patienceMs: number, renew: Renew): Promise<RenewedCredential | undefined> {
    let local = this.#local.get(id)
    if (local === undefined || this.#now() >= local.untilMs) {
      local = { renewed: this.#renew(id, patienceMs, renew), untilMs: this.#now() + INTERVAL_MS }
      this.#local.delete(id)
      this.#local.set(id, local)
      for (const oldest of this.#local.keys()) {
        if (this.#local.size <= LOCAL_MAX) break
        this.#local.delete(oldest)
      }
    }
    const renewed = await local.renewed
    return renewed?.value === refused ? undefined : renewed
  }

  /**
   * Renews a refused credential, or waits for the renewal by another node. Never rejects: returns `undefined` when the
   * renewal fails.
   */
  async #renew(id: string, patienceMs: number, renew: Renew): Promise<RenewedCredential | undefined> {
    const untilMs = this.#now() + patienceMs
    for (let pauseMs = POLL_MIN_MS; ; pauseMs = Math.min(pauseMs * 2, POLL_MAX_MS)) {
      const claimed = await this.#claimed(id)
      if (claimed === undefined) return this.#renewed(id, renew)
      if (claimed.length > 0) return this.#read(claimed, id)
      if (this.#now() >= untilMs) return undefined
      await sleep(pauseMs)
    }
  }

  /**
   * Claims in Redis the renewal of a credential for this node. Returns the claim of another node instead, if one
   * exists; `undefined` when this node has the claim or Redis is unavailable.
   */
  async #claimed(id: string): Promise<Buffer | undefined> {
    if (this.#redis === undefined) return undefined
    try {
      return ((await this.#claim!.buffers([this.#redis.keys.renewal(id)], [INTERVAL_MS])) as Buffer | null) ?? undefined
    } catch {
      return undefined
    }
  }

  async #renewed(id: string, renew: Renew): Promise<RenewedCredential | undefined> {
    try {
      const renewed = await renew()
      if (renewed !== undefined) await this.#share(id, renewed)
      return renewed
    } catch {
      return undefined
    }
  }

  #read(sealed: Buffer, id: string): RenewedCredential | undefined {
    const text = this.#sealer.open(sealed, placeOf(id))
    return text === undefined ? undefined : (JSON.parse(text) as RenewedCredential)
  }

  async #share(id: string, renewed: RenewedCredential): Promise<void> {
    const sealed = this.#sealer.seal(JSON.stringify(renewed), placeOf(id))
    try {
      await this.#redis?.store.call('SET', this.#redis.keys.renewal(id), sealed, 'XX', 'KEEPTTL')
    } catch {
      // Ignore an unavailable Redis: the other nodes do not get this credential, but can renew it themselves after 30
      // s.
    }
  }
}

const placeOf = (id: string): string => `renewed credential ${id}`
