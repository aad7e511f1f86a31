import type { Socket } from 'node:net'
import { parseAddress } from '../base/addresses.ts'

export interface SlotLimits {
  /** Most connections, without the reserve. */
  readonly total: number
  /** Most of them from one IPv4 address or IPv6 /64. */
  readonly perPeer: number
  /** Connections beyond these limits, for liveness probes alone. */
  readonly reserve: number
}

interface Slot {
  readonly socket: Socket
  readonly peer: string
  /** The connection is beyond the limits: only the liveness probe is answered on it. */
  readonly reserved: boolean
  /** Requests whose reply is not complete. */
  calls: number
  /** At least one request has arrived. */
  used: boolean
}

/**
 * Limits the connections of a small HTTP server, so that nobody can lock the others out. A new connection beyond a limit
 * replaces one that waits for a request: rather one that never sent a request, then one of the peer with most connections,
 * then the oldest. Where every connection has a request under way, the new one gets a place in the reserve.
 */
export class ConnectionSlots {
  readonly #limits: SlotLimits
  /** Oldest first. */
  readonly #slots = new Map<Socket, Slot>()
  readonly #ofPeer = new Map<string, number>()
  #reserved = 0

  constructor(limits: SlotLimits) {
    this.#limits = limits
  }

  /** Takes a new connection, or closes it. */
  open(socket: Socket): void {
    const peer = peerOf(socket.remoteAddress ?? '')
    const reserved = !this.#makeRoom(peer)
    if (reserved && this.#reserved >= this.#limits.reserve && !this.#close((slot) => slot.reserved)) {
      socket.destroy()
      return
    }
    const slot: Slot = { socket, peer, reserved, calls: 0, used: false }
    this.#slots.set(socket, slot)
    this.#ofPeer.set(peer, (this.#ofPeer.get(peer) ?? 0) + 1)
    if (reserved) this.#reserved++
    socket.once('close', () => this.#forget(slot))
  }

  /**
   * A request has arrived. A second request before the reply to the first is complete closes the connection: a client that
   * pipelines and does not read could make the server hold thousands of replies.
   *
   * @returns whether the connection is in the reserve; `undefined`: it is closed, and its request needs no reply
   */
  began(socket: Socket): boolean | undefined {
    const slot = this.#slots.get(socket)
    // The connection was replaced while its request was on the way.
    if (slot === undefined) return undefined
    if (slot.calls > 0) {
      this.#forget(slot)
      socket.destroy()
      return undefined
    }
    slot.calls++
    slot.used = true
    return slot.reserved
  }

  /** The reply is complete, or its connection is closed. */
  ended(socket: Socket): void {
    const slot = this.#slots.get(socket)
    if (slot !== undefined) slot.calls--
  }

  /** @returns false when a limit is reached, and no connection can be replaced */
  #makeRoom(peer: string): boolean {
    const { perPeer, total } = this.#limits
    if ((this.#ofPeer.get(peer) ?? 0) >= perPeer) return this.#close((slot) => slot.peer === peer && !slot.reserved)
    return this.#slots.size - this.#reserved < total || this.#close((slot) => !slot.reserved)
  }

  /** Closes one connection that waits for a request. @returns false when there is none */
  #close(eligible: (slot: Slot) => boolean): boolean {
    let victim: Slot | undefined
    for (const slot of this.#slots.values()) {
      if (slot.calls === 0 && eligible(slot) && (victim === undefined || this.#yields(slot, victim))) victim = slot
    }
    if (victim === undefined) return false
    this.#forget(victim)
    victim.socket.destroy()
    return true
  }

  /** Whether `a` is closed rather than the older `b`. */
  #yields(a: Slot, b: Slot): boolean {
    if (a.used !== b.used) return b.used
    return this.#ofPeer.get(a.peer)! > this.#ofPeer.get(b.peer)!
  }

  #forget(slot: Slot): void {
    if (!this.#slots.delete(slot.socket)) return
    if (slot.reserved) this.#reserved--
    const left = this.#ofPeer.get(slot.peer)! - 1
    if (left === 0) this.#ofPeer.delete(slot.peer)
    else this.#ofPeer.set(slot.peer, left)
  }
}

/** One IPv6 subscriber has a /64 (RFC 6177). A mapped IPv4 address counts as its own peer. */
function peerOf(text: string): string {
  const address = parseAddress(text)
  if (address?.length !== 16 || text.startsWith('::ffff:')) return text
  return Buffer.from(address.subarray(0, 8)).toString('hex')
}
