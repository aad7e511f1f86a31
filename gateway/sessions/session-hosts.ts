import { GatewayFault } from '../base/fault.ts'
import type { Sealer } from '../base/sealer.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'

/** A cookie of a session at one host: the host's origin, and the hash of the cookie's random part. */
type HostCookie = readonly [origin: string, hash: string]

/**
 * Maximum number of host cookies of a session. Above it, the oldest cookie is removed, and its host must ask for a new
 * one.
 */
export const HOST_COOKIES_MAX = 128
/**
 * Maximum number of cookies of a session at one host. A host can have several, because tabs that reach the host at the
 * same moment get one cookie each.
 */
const PER_HOST_MAX = 4
/** Maximum number of attempts to store the list of host cookies while other callers change the list. */
const TRIES = 16

/**
 * The cookies by which several hosts share one session, besides the cookie with which the session was created. The list
 * is stored in Redis with the session, sealed (encrypted). Methods reject with `RedisFault`.
 */
export class SessionHosts {
  readonly #client: RedisClient
  readonly #keys: RedisKeys
  readonly #sealer: Sealer
  readonly #add: RedisScript

  constructor(client: RedisClient, keys: RedisKeys, sealer: Sealer) {
    this.#client = client
    this.#keys = keys
    this.#sealer = sealer
    this.#add = client.script(new URL('./add-host.lua', import.meta.url))
  }

  async has(id: string, origin: string, hash: string): Promise<boolean> {
    const { cookies } = await this.#read(id)
    return cookies.some(([listedOrigin, listedHash]) => listedOrigin === origin && listedHash === hash)
  }

  /** Returns the origins of the hosts that have a cookie of the session, each once. */
  async originsOf(id: string): Promise<string[]> {
    const { cookies } = await this.#read(id)
    return [...new Set(cookies.map(([origin]) => origin))]
  }

  /**
   * Adds the cookie of a host to the list of host cookies of a session.
   *
   * @returns false when the session has ended
   * @throws {GatewayFault} `store-unavailable` when other callers changed the list during every attempt
   */
  async add(id: string, origin: string, hash: string): Promise<boolean> {
    for (let left = TRIES; left > 0; left--) {
      const { cookies, changes } = await this.#read(id)
      const list = this.#sealer.seal(JSON.stringify(withCookie(cookies, [origin, hash])), this.#place(id))
      const outcome = await this.#add([this.#keys.session(id)], [changes, list])
      if (outcome !== 'changed') return outcome === 'stored'
    }
    throw new GatewayFault('store-unavailable', 'store', 'the list of host cookies of a session changes too often')
  }

  async #read(id: string): Promise<{ readonly cookies: readonly HostCookie[]; readonly changes: string }> {
    const reply = (await this.#client.callBuffer('HMGET', this.#keys.session(id), 'h', 'n')) as (Buffer | null)[]
    const [blob, changes] = reply
    const text = blob == null ? undefined : this.#sealer.open(blob, this.#place(id))
    return { cookies: text === undefined ? [] : (JSON.parse(text) as HostCookie[]), changes: String(changes ?? 0) }
  }

  #place(id: string): string {
    return `${this.#keys.session(id)} hosts`
  }
}

function withCookie(cookies: readonly HostCookie[], added: HostCookie): HostCookie[] {
  const same = cookies.filter(([origin]) => origin === added[0])
  const surplus = new Set(same.slice(0, Math.max(0, same.length + 1 - PER_HOST_MAX)))
  return [...cookies.filter((each) => !surplus.has(each)), added].slice(-HOST_COOKIES_MAX)
}
