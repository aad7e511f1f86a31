/** One client and the number of its concurrent calls to an upstream. */
export interface Share {
  readonly client: Uint8Array | undefined
  calls: number
}

/**
 * Number of hash bits that select a bucket of the table of clients. With 4,096 calls (the default maximum) of 4,096
 * clients, a bucket has four entries on average.
 */
const PLACE_BITS = 10

/**
 * Counts the concurrent calls of each client. Every exchange updates the counts, so the table uses arrays instead of a
 * `Map` for speed (docs/design/decisions/0015). If clients choose addresses that collide in one bucket, each look-up in
 * that bucket is a linear search over its clients.
 */
export class ClientCounts {
  /** Allocate buckets on first use: there can be thousands of upstreams, most of them with few clients. */
  readonly #places = new Array<Share[] | undefined>(1 << PLACE_BITS).fill(undefined)
  readonly #unknown: Share = { client: undefined, calls: 0 }

  heldBy(client: Uint8Array): number {
    return find(this.#placeOf(client), client)?.calls ?? 0
  }

  add(client: Uint8Array | undefined): Share {
    let share = this.#unknown
    if (client !== undefined) {
      const place = this.#placeOf(client)
      const found = find(place, client)
      share = found ?? { client, calls: 0 }
      if (found === undefined) place.push(share)
    }
    share.calls++
    return share
  }

  take(share: Share): void {
    share.calls--
    const { client } = share
    if (share.calls > 0 || client === undefined) return
    const place = this.#placeOf(client)
    const last = place.pop()!
    if (last !== share) place[place.indexOf(share)] = last
  }

  #placeOf(client: Uint8Array): Share[] {
    let hash = 0
    for (let i = 0; i < known(client); i++) hash = Math.imul(hash ^ client[i]!, 0x9e3779b1)
    const index = hash >>> (32 - PLACE_BITS)
    this.#places[index] ??= []
    return this.#places[index]
  }
}

function find(place: readonly Share[], client: Uint8Array): Share | undefined {
  for (const share of place) if (isOneClient(share.client!, client)) return share
  return undefined
}

/**
 * Whether both addresses belong to one client: the same IPv4 address, or the same IPv6 /64, which is the prefix of one
 * subscriber (RFC 6177).
 */
function isOneClient(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < known(a); i++) if (a[i] !== b[i]) return false
  return true
}

function known(address: Uint8Array): number {
  return address.length === 16 ? 8 : address.length
}
