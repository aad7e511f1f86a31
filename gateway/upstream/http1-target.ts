import type { TcpNetConnectOpts } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { GatewayFault } from '../base/fault.ts'
import { ConcurrencyLimiter } from './concurrency-limiter.ts'
import { type ConnectionKeeper, UpstreamConnection } from './connection.ts'
import { Health } from './health.ts'
import { Http1Call } from './http1-call.ts'
import { requestHead } from './request-head.ts'
import { Sweep } from './sweep.ts'
import {
  type PooledTarget,
  type TargetParts,
  type UpgradeCall,
  type UpgradeListener,
  type UpgradeRequest,
  type UpstreamCall,
  type UpstreamListener,
  type UpstreamRequest,
  upstreamText,
} from './target.ts'
import type { SeenCertificate } from './tls/seen-certificate.ts'
import { defaultTlsMaterial } from './tls/tls-material.ts'
import { tlsOptions } from './tls/tls-options.ts'
import { upstreamAddress, upstreamHost } from './upstream-address.ts'
import { WebSocketCall } from './websocket/websocket-call.ts'

/** Maximum number of idle connections that are kept open to one upstream. */
const IDLE_MAX = 256
/**
 * Longest idle time of a connection when the service announces none, ms. Shorter than the usual keep-alive timeout of
 * servers.
 */
const IDLE_MS = 4000
const IDLE_MAX_MS = 600_000
/**
 * Safety margin that is subtracted from the announced idle time, ms. The service counts its idle time from sending, the
 * gate counts from reading.
 */
const MARGIN_MS = 1000

const sweep = new Sweep()

/**
 * An upstream that is called with HTTP/1.1, over TLS for `https`, with a pool of keep-alive connections. The most
 * recently used connection is reused first.
 */
export class Http1Target implements PooledTarget, ConnectionKeeper {
  readonly origin: string
  readonly text: string
  readonly peer: string | undefined
  readonly onConnect: TargetParts['onConnect']
  readonly health = new Health()
  readonly address: TcpNetConnectOpts
  readonly connectMs: number
  readonly sweep = sweep
  readonly protocol = 'http1'
  connections = 0
  certificateUntilMs: number | undefined
  #tls: ConnectionOptions | undefined
  /**
   * TLS session of the latest connection. Dropped when the certificate with which that connection was established
   * expires.
   */
  #session: { readonly session: Buffer; readonly validUntilMs: number } | undefined
  readonly #host: string
  /**
   * Connections that wait for the next call, the most recently used last.
   *
   * @bound {@link IDLE_MAX} connections for each upstream | the connection is closed | gatehouse_upstream_connections
   */
  readonly #idle: UpstreamConnection[] = []
  readonly #seats: ConcurrencyLimiter
  #closed = false

  /**
   * @param connectMs  longest time to establish a connection, ms
   * @param maxCalls   maximum number of concurrent calls
   */
  constructor(origin: URL, connectMs: number, maxCalls: number, parts: TargetParts = {}) {
    const { seats, material, peer, lookup, onConnect } = parts
    this.origin = origin.origin
    this.peer = peer
    this.onConnect = onConnect
    this.text = upstreamText(origin, peer)
    this.#host = origin.host
    this.#seats = seats ?? new ConcurrencyLimiter(this.text, maxCalls)
    const secure = origin.protocol === 'https:'
    this.address = upstreamAddress(origin, peer, lookup)
    if (secure) this.#tls = tlsOptions(upstreamHost(origin), material ?? defaultTlsMaterial(), 'http/1.1')
    this.connectMs = connectMs
  }

  send(request: UpstreamRequest, listener: UpstreamListener): UpstreamCall {
    const call = new Http1Call(request, listener, this.#seats)
    const full = this.#seats.take(call)
    if (full !== undefined) {
      queueMicrotask(() => call.fail(full))
      return call
    }
    try {
      call.head = requestHead(request, this.#host)
      const connection = request.fresh === true ? this.#connect() : this.#take()
      connection.run(call)
    } catch (error) {
      queueMicrotask(() => call.fail(error as GatewayFault))
    }
    return call
  }

  /** Asks the service to switch to WebSocket. A connection that has switched never returns to the pool. */
  upgrade(request: UpgradeRequest, listener: UpgradeListener): UpgradeCall {
    const call = new WebSocketCall(request, listener, this.#seats)
    const full = this.#seats.take(call)
    if (full !== undefined) {
      queueMicrotask(() => call.fail(full))
      return call
    }
    try {
      call.head = requestHead(call.request!, this.#host, 'Upgrade')
      this.#connect().run(call)
    } catch (error) {
      queueMicrotask(() => call.fail(error as GatewayFault))
    }
    return call
  }

  get calls(): number {
    return this.#seats.taken
  }

  get limit(): number {
    return this.#seats.limit
  }

  warm(connections: number): void {
    if (this.#closed) return
    while (this.connections < connections) this.#connect().warm()
  }

  #connect(): UpstreamConnection {
    this.connections++
    return new UpstreamConnection(this)
  }

  #take(): UpstreamConnection {
    for (;;) {
      const connection = this.#idle.pop() ?? this.#connect()
      if (connection.usable) return connection
    }
  }

  get tls(): ConnectionOptions | undefined {
    const resumed = this.#session
    if (resumed === undefined || resumed.validUntilMs <= Date.now()) return this.#tls
    return { ...this.#tls, session: resumed.session }
  }

  resumable(session: Buffer, validUntilMs: number): void {
    this.#session = { session, validUntilMs }
  }

  presented({ validUntilMs }: SeenCertificate): void {
    this.certificateUntilMs = validUntilMs
  }

  unreachable(): void {
    this.health.failed()
  }

  answered(status: number): void {
    this.health.succeeded(status)
  }

  broke(): void {
    this.health.broke()
  }

  free(connection: UpstreamConnection, keepAliveS: number | undefined): void {
    const lifeMs = keepAliveS === undefined ? IDLE_MS : Math.min(keepAliveS * 1000 - MARGIN_MS, IDLE_MAX_MS)
    if (this.#closed || lifeMs <= 0 || this.#idle.length >= IDLE_MAX) {
      connection.destroy()
      return
    }
    connection.rest(sweep.before(lifeMs))
    this.#idle.push(connection)
  }

  closed(connection: UpstreamConnection): void {
    this.connections--
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
  }

  close(): void {
    this.#closed = true
    for (const connection of this.#idle.splice(0)) connection.destroy()
  }
}
