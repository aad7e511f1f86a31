/** Calls of one client that are under way. */
export interface Share {
  readonly client: Uint8Array | undefined
  calls: number
}

/** By the uppermost bits of a hash. Of the 4,096 calls that there may be by default, each of another client, four in a place. */
const PLACE_BITS = 10

/**
 * How many calls each client has under way. A table of arrays, and no `Map`, for what every exchange enters and leaves
 * (decision 22). Addresses that were chosen so that all fall into one place cost a look at each of them that has a call.
 */
export class Shares {
  /** Made when a client comes to them: there may be thousands of upstreams, and most have few clients. */
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

/** The same IPv4 address, or IPv6 /64, which is what one subscriber is given (RFC 6177). */
function isOneClient(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < known(a); i++) if (a[i] !== b[i]) return false
  return true
}

function known(address: Uint8Array): number {
  return address.length === 16 ? 8 : address.length
}
