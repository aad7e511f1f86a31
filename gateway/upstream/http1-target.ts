import { lookup } from 'node:dns'
import { isIP, type TcpNetConnectOpts } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { GatewayFault } from '../base/fault.ts'
import { guardedLookup } from '../base/guarded-lookup.ts'
import { ConcurrencyLimiter } from './concurrency-limiter.ts'
import { type ConnectionKeeper, UpstreamConnection } from './connection.ts'
import { Health } from './health.ts'
import { Http1Call } from './http1-call.ts'
import { requestHead } from './request-head.ts'
import { Sweep } from './sweep.ts'
import type {
  PooledTarget,
  UpgradeCall,
  UpgradeListener,
  UpgradeRequest,
  UpstreamCall,
  UpstreamListener,
  UpstreamRequest,
} from './target.ts'
import type { SeenCertificate } from './tls/seen-certificate.ts'
import { defaultTlsMaterial, type TlsMaterial } from './tls/tls-material.ts'
import { offeredProtocol } from './tls/upstream-tls.ts'
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

/** Parts of a target that outlive it, or that several targets share. */
export interface TargetParts {
  /** Limit of concurrent calls. A target that replaces another after a change of certificates keeps its limit. */
  readonly seats?: ConcurrencyLimiter | undefined
  /** TLS material for an https upstream. Default: no client certificate, and the authorities of Node.js. */
  readonly material?: TlsMaterial | undefined
}

/**
 * An upstream that is called with HTTP/1.1, over TLS for `https`, with a pool of keep-alive connections. The most
 * recently used connection is reused first.
 */
export class Http1Target implements PooledTarget, ConnectionKeeper {
  readonly origin: string
  readonly health = new Health()
  readonly address: TcpNetConnectOpts
  readonly connectMs: number
  readonly sweep = sweep
  certificateUntilMs: number | undefined
  #tls: ConnectionOptions | undefined
  /** Session of the latest connection, until the certificate that it was established with expires. */
  #session: { readonly session: Buffer; readonly validUntilMs: number } | undefined
  readonly #host: string
  readonly #idle: UpstreamConnection[] = []
  readonly #seats: ConcurrencyLimiter
  #closed = false

  /**
   * @param connectMs  longest time to establish a connection, ms
   * @param maxCalls   maximum number of concurrent calls
   */
  constructor(origin: URL, connectMs: number, maxCalls: number, { seats, material }: TargetParts = {}) {
    this.origin = origin.origin
    this.#host = origin.host
    this.#seats = seats ?? new ConcurrencyLimiter(origin.origin, maxCalls)
    const secure = origin.protocol === 'https:'
    // Removes the brackets that a URL puts around an IPv6 address.
    const host = origin.hostname.replace(/^\[|\]$/g, '')
    if (secure) this.#tls = tlsOptions(host, material ?? defaultTlsMaterial())
    this.address = {
      host,
      port: origin.port !== '' ? Number(origin.port) : secure ? 443 : 80,
      lookup: guardedLookup(lookup) as TcpNetConnectOpts['lookup'],
    }
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
      const connection = request.fresh === true ? new UpstreamConnection(this) : this.#take()
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
      new UpstreamConnection(this).run(call)
    } catch (error) {
      queueMicrotask(() => call.fail(error as GatewayFault))
    }
    return call
  }

  #take(): UpstreamConnection {
    for (;;) {
      const connection = this.#idle.pop() ?? new UpstreamConnection(this)
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

  answered(): void {
    this.health.succeeded()
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
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
  }

  close(): void {
    this.#closed = true
    for (const connection of this.#idle.splice(0)) connection.destroy()
  }
}

/** TLS options of the connections to a host. The certificate must be valid for the server name, else for the host. */
function tlsOptions(host: string, { context, serverName }: TlsMaterial): ConnectionOptions {
  // RFC 6066 §3: an IP address is not sent as server name. The certificate must still be valid for the address.
  const servername = serverName ?? (isIP(host) === 0 ? host : undefined)
  return {
    secureContext: context,
    ALPNProtocols: [offeredProtocol],
    // Set explicitly, because NODE_TLS_REJECT_UNAUTHORIZED=0 changes the default.
    rejectUnauthorized: true,
    ...(servername !== undefined && { servername }),
  }
}
