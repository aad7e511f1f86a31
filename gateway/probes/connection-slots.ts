import type { Socket } from 'node:net'
import { parseAddress } from '../base/addresses.ts'

export interface SlotLimits {
  /** Maximum number of connections to the small HTTP server, not counting connections in the reserve. */
  readonly total: number
  /** Maximum number of connections from one IPv4 address or IPv6 /64. */
  readonly perPeer: number
  /** Maximum number of connections above the other limits (the reserve). They serve liveness probes only. */
  readonly reserve: number
}

interface Slot {
  readonly socket: Socket
  readonly peer: string
  /** True when the connection is in the reserve above the limits, and serves only the liveness probe. */
  readonly reserved: boolean
  /** Number of requests on this connection whose reply is not complete. */
  calls: number
  /** True after the first request on this connection. */
  used: boolean
}

/**
 * Limits the connections of a small HTTP server, so that one client cannot lock out other clients. A new connection
 * above a limit replaces an idle connection. A connection that never sent a request is replaced first, then a
 * connection of the peer with the most connections, then the oldest connection. When no connection is idle, the new
 * connection gets a place in the reserve.
 */
export class ConnectionSlots {
  readonly #limits: SlotLimits
  /**
   * Open connections, oldest first.
   *
   * @bound 256 connections and 16 in reserve (`slotLimits`) | an idle connection is closed, else the new one | none
   */
  readonly #slots = new Map<Socket, Slot>()
  /**
   * Number of open connections by address.
   *
   * @bound 256 connections and 16 in reserve (`slotLimits`) | an idle connection is closed, else the new one | none
   */
  readonly #ofPeer = new Map<string, number>()
  #reserved = 0

  constructor(limits: SlotLimits) {
    this.#limits = limits
  }

  /**
   * Registers a new connection to the probe or admin listener. Closes the connection when no place is free, not even in
   * the reserve.
   */
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
   * Records that a request has arrived on a connection. A second request before the first reply is complete closes the
   * connection, because a client that pipelines requests and reads nothing could fill the memory with replies.
   *
   * @returns whether the connection is in the reserve, which serves only liveness probes; `undefined` when the
   *   connection was closed and needs no reply
   */
  began(socket: Socket): boolean | undefined {
    const slot = this.#slots.get(socket)
    // Send no reply when a new connection has replaced this connection while its request was in transit.
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

  /** Records that a reply on the connection is complete or the connection is closed. */
  ended(socket: Socket): void {
    const slot = this.#slots.get(socket)
    if (slot !== undefined) slot.calls--
  }

  /**
   * Makes room for a new connection of a peer.
   *
   * @returns false when a limit is reached and no connection is idle
   */
  #makeRoom(peer: string): boolean {
    const { perPeer, total } = this.#limits
    if ((this.#ofPeer.get(peer) ?? 0) >= perPeer) return this.#close((slot) => slot.peer === peer && !slot.reserved)
    return this.#slots.size - this.#reserved < total || this.#close((slot) => !slot.reserved)
  }

  /**
   * Closes one idle connection that may be replaced.
   *
   * @returns false when no eligible connection is idle
   */
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

  /** Whether idle connection `a` is replaced before the older connection `b`. */
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

/**
 * Identifies a client for the limit per peer: by the IPv4 address, or by the IPv6 /64, because a subscriber has a whole
 * /64 (RFC 6177). Each IPv4-mapped address is a separate peer, although all of them are in one /64.
 */
function peerOf(text: string): string {
  const address = parseAddress(text)
  if (address?.length !== 16 || text.startsWith('::ffff:')) return text
  return Buffer.from(address.subarray(0, 8)).toString('hex')
}
