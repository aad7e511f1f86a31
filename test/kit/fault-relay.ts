import { connect, createServer, type Server, type Socket } from 'node:net'
import { listen } from './ports.ts'

/**
 * Fault of a link. `slow`: bytes arrive later by `delayMs` in each direction. `cut`: connections are reset, new ones
 * too. `half-open`: bytes vanish and nothing is closed; connections from this time stay dead after the fault.
 * `lost-reply`: the request arrives, and the connection is reset instead of its reply; `share` of the replies, 0 to 1.
 */
export type LinkFault =
  | { readonly kind: 'slow'; readonly delayMs: number }
  | { readonly kind: 'cut' }
  | { readonly kind: 'half-open' }
  | { readonly kind: 'lost-reply'; readonly share: number; readonly random: () => number }

/** Counts of a relay since its start. */
export interface RelayCounts {
  connections: number
  bytes: number
  delayedBytes: number
  resets: number
  vanishedBytes: number
  lostReplies: number
}

interface Pair {
  readonly near: Socket
  readonly far: Socket
  /** Whether the fault `half-open` reached the connection. */
  isDead: boolean
}

/** A TCP relay to a real server on 127.0.0.1, which can break the link in several ways and counts what it broke. */
export class FaultRelay {
  readonly name: string
  readonly port: number
  readonly counts: RelayCounts = {
    connections: 0,
    bytes: 0,
    delayedBytes: 0,
    resets: 0,
    vanishedBytes: 0,
    lostReplies: 0,
  }
  readonly #server: Server
  readonly #target: number
  readonly #pairs = new Set<Pair>()
  #fault: LinkFault | undefined

  private constructor(name: string, server: Server, port: number, target: number) {
    this.name = name
    this.#server = server
    this.port = port
    this.#target = target
  }

  /** @param port  port of the relay; 0 selects a free port */
  static async start(name: string, target: number, port = 0): Promise<FaultRelay> {
    const server = createServer()
    const relay = new FaultRelay(name, server, await listen(server, port), target)
    server.on('connection', (near) => relay.#open(near))
    return relay
  }

  break(fault: LinkFault): void {
    this.#fault = fault
    for (const pair of this.#pairs) this.#reach(pair, fault)
  }

  mend(): void {
    this.#fault = undefined
  }

  /** Closes the listener, so that clients get ECONNREFUSED, as from a server that is down. */
  async refuse(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const pair of this.#pairs) this.#reset(pair)
    await closed
  }

  /** Listens again after `refuse`. */
  async accept(): Promise<void> {
    await listen(this.#server, this.port)
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const { near, far } of this.#pairs) for (const socket of [near, far]) socket.destroy()
    await closed
  }

  #open(near: Socket): void {
    this.counts.connections++
    const pair = { near, far: connect({ port: this.#target, host: '127.0.0.1' }), isDead: false }
    this.#pairs.add(pair)
    if (this.#fault !== undefined) this.#reach(pair, this.#fault)
    this.#pass(pair, near, pair.far, false)
    this.#pass(pair, pair.far, near, true)
  }

  #reach(pair: Pair, { kind }: LinkFault): void {
    if (kind === 'half-open') pair.isDead = true
    if (kind === 'cut') this.#reset(pair)
  }

  #reset(pair: Pair): void {
    this.counts.resets++
    pair.near.resetAndDestroy()
    pair.far.destroy()
  }

  #pass(pair: Pair, from: Socket, to: Socket, isReply: boolean): void {
    const late = { delayMs: 0, waiting: 0 }
    from.setNoDelay(true)
    from.on('data', (bytes: Buffer) => this.#relay(pair, bytes, isReply, (arrived) => this.#send(to, late, arrived)))
    from.on('error', () => undefined)
    from.on('close', () => {
      if (pair.near.destroyed && pair.far.destroyed) this.#pairs.delete(pair)
      // The peer of a dead connection does not learn of the close.
      if (pair.isDead) return
      if (late.waiting === 0) to.destroy()
      else setTimeout(() => to.destroy(), late.delayMs)
    })
  }

  #relay(pair: Pair, bytes: Buffer, isReply: boolean, send: (bytes: Buffer) => void): void {
    const fault = this.#fault
    if (pair.isDead) {
      this.counts.vanishedBytes += bytes.length
      return
    }
    if (isReply && fault?.kind === 'lost-reply' && fault.random() < fault.share) {
      this.counts.lostReplies++
      this.#reset(pair)
      return
    }
    this.counts.bytes += bytes.length
    send(bytes)
  }

  /** Sends bytes now, or late. Bytes behind late ones are late too, so that they stay in order. */
  #send(to: Socket, late: Late, bytes: Buffer): void {
    const fault = this.#fault
    if (fault?.kind === 'slow') late.delayMs = fault.delayMs
    else if (late.waiting === 0) {
      to.write(bytes)
      return
    }
    this.counts.delayedBytes += bytes.length
    late.waiting++
    // Timers of one duration run in the order of their creation.
    setTimeout(() => {
      late.waiting--
      to.write(bytes)
    }, late.delayMs)
  }
}

/** Bytes of one direction of a connection that wait, and for how long. */
interface Late {
  delayMs: number
  waiting: number
}
