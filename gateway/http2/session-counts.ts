import { addressKey } from '../base/address-key.ts'
import { EventBudget } from '../base/event-budget.ts'
import {
  CANCELS,
  OPEN_SHARE,
  type SessionEndCause,
  STREAMS_MAX,
  STREAMS_PER_ADDRESS_MAX,
  type StreamRefusalCause,
} from './session-limits.ts'

/** Number of client addresses above which addresses without a connection are forgotten at the next sweep. */
const PEERS_MAX = 65_536

/** Counts of one peer over all its HTTP/2 connections. A peer is an IPv4 address or an IPv6 /64. */
export class PeerCounts {
  sessions = 0
  streams = 0
  readonly cancels: EventBudget
  /** True for a listed proxy: its connections carry the requests of many clients. */
  readonly isProxy: boolean

  constructor(isProxy: boolean, nowMs: number) {
    this.isProxy = isProxy
    this.cancels = new EventBudget(CANCELS, nowMs)
  }
}

export interface SessionCountsOptions {
  readonly maxSessions: number
  readonly maxSessionsPerAddress: number
  /** Returns whether the client address is that of a listed proxy. */
  readonly isProxy: (address: Uint8Array) => boolean
  /** Returns whether the client address sent a valid credential recently. */
  readonly isKnown: (address: Uint8Array) => boolean
  /** Returns the monotonic time, ms. */
  readonly now: () => number
}

/**
 * Counts HTTP/2 connections and requests in progress: of each address, and of the node. Addresses that have not sent a
 * valid credential cannot use the last fifth of the limits of the node.
 */
export class SessionCounts {
  readonly #options: SessionCountsOptions
  /**
   * Counts of connections and requests by IPv4 address or IPv6 /64.
   *
   * @bound {@link PEERS_MAX} addresses without a connection | their budgets of cancellations are forgotten | none
   */
  readonly #peers = new Map<string, PeerCounts>()
  /** Number of open HTTP/2 connections of the node, and of requests in progress on them. */
  sessions = 0
  streams = 0
  /** Number of HTTP/2 connections since the start of the node. */
  opened = 0

  constructor(options: SessionCountsOptions) {
    this.#options = options
  }

  /**
   * Counts a new HTTP/2 connection. @returns the counts of its peer, or the cause for which the connection must be
   * refused
   */
  open(address: Uint8Array): PeerCounts | (SessionEndCause & ('address-full' | 'node-full' | 'cancel-flood')) {
    const { maxSessions, maxSessionsPerAddress, isProxy, now } = this.#options
    const key = addressKey(address)
    const peer = this.#peers.get(key) ?? new PeerCounts(isProxy(address), now())
    if (!peer.isProxy) {
      if (peer.cancels.isExceeded(now())) return 'cancel-flood'
      if (peer.sessions >= maxSessionsPerAddress) return 'address-full'
    }
    if (this.sessions >= this.#limit(maxSessions, peer, address)) return 'node-full'
    this.#peers.set(key, peer)
    peer.sessions++
    this.sessions++
    this.opened++
    return peer
  }

  close(peer: PeerCounts): void {
    peer.sessions--
    this.sessions--
  }

  /**
   * Counts a new HTTP/2 request. @returns the cause for which the request must be refused; `undefined` when it was
   * counted
   */
  openStream(peer: PeerCounts, address: Uint8Array): StreamRefusalCause | undefined {
    if (!peer.isProxy && peer.streams >= STREAMS_PER_ADDRESS_MAX) return 'address-full'
    if (this.streams >= this.#limit(STREAMS_MAX, peer, address)) return 'node-full'
    peer.streams++
    this.streams++
    return undefined
  }

  closeStream(peer: PeerCounts): void {
    peer.streams--
    this.streams--
  }

  /**
   * Forgets the counts of each client address that has no connection and whose budget of cancellations is full again,
   * and beyond `PEERS_MAX` every peer that has no connection.
   */
  sweep(): void {
    const now = this.#options.now()
    const isFull = this.#peers.size > PEERS_MAX
    for (const [key, peer] of this.#peers) {
      if (peer.sessions === 0 && peer.streams === 0 && (isFull || peer.cancels.isFull(now))) this.#peers.delete(key)
    }
  }

  #limit(max: number, peer: PeerCounts, address: Uint8Array): number {
    return peer.isProxy || this.#options.isKnown(address) ? max : max * OPEN_SHARE
  }
}
