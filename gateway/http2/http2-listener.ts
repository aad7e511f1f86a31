import { once } from 'node:events'
import {
  constants,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2'
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { TLSSocket } from 'node:tls'
import { ActiveSet } from '../base/active-set.ts'
import { foldMapped, parseAddress } from '../base/addresses.ts'
import type { Expiry, ExpirySource } from '../base/expiries.ts'
import { ListenError } from '../base/listen-error.ts'
import { Supervisor } from '../base/supervisor.ts'
import type { Certificate } from '../config/certificates.ts'
import type { ListenAddress } from '../config/listen-address.ts'
import { drive, fail } from '../pipeline/exchange/driver.ts'
import { Exchange } from '../pipeline/exchange/exchange.ts'
import { readHttp2Head } from '../pipeline/exchange/http2-head.ts'
import type { Gate } from '../pipeline/gate.ts'
import { InFlight } from '../pipeline/in-flight/in-flight.ts'
import type { ClientTrust } from '../x509/client-trust.ts'
import { CheckCall, isCheckCall } from './check-call.ts'
import { ClientConnection } from './client-connection.ts'
import { Http2Downstream } from './http2-downstream.ts'
import { SecureContexts } from './secure-contexts.ts'
import { PeerCounts, SessionCounts } from './session-counts.ts'
import {
  nativeLimits,
  type SessionEndCause,
  type StreamRefusalCause,
  sessionEndCauses,
  streamRefusalCauses,
  WINDOW_BYTES,
} from './session-limits.ts'

const SWEEP_MS = 250
/**
 * Maximum random reduction of the age limit of an HTTP/2 connection, as a fraction, so that clients do not reconnect at
 * once.
 */
const AGE_SPREAD = 0.1

export interface Http2ListenOptions extends ListenAddress {
  /** True when other processes are allowed to listen on the same port (`reuse_port`). */
  readonly reusePort: boolean
  /** Certificates of the listener; `undefined`: HTTP/2 without TLS (h2c). */
  readonly certificates: readonly Certificate[] | undefined
  /** CAs of client certificates; `undefined`: the listener requests no certificate. Only with TLS. */
  readonly clientTrust: ClientTrust | undefined
  readonly maxStreams: number
  readonly maxSessions: number
  readonly maxSessionsPerAddress: number
  readonly maxAgeMs: number
  /** Whether peers in `check.peers` may call Envoy's authorization service. */
  readonly extAuthz: boolean
  /**
   * Idle time, ms: an HTTP/2 connection without requests ends after this time, and so does a request whose client
   * stalls for this time.
   */
  readonly idleMs: number
  /** Returns the monotonic time, ms. */
  readonly now?: () => number
}

/** Counters of the HTTP/2 listener. */
export interface Http2Counts {
  readonly sessions: number
  readonly streams: number
  /** Number of HTTP/2 connections that the gate ended or refused, by cause. */
  readonly ended: ReadonlyMap<SessionEndCause, number>
  /** Number of HTTP/2 requests that were refused before they became exchanges, by cause. */
  readonly refused: ReadonlyMap<StreamRefusalCause, number>
}

/** The HTTP/2 listener: accepts connections, and runs each request through the lifecycle of an exchange. */
export class Http2Listener implements ExpirySource {
  readonly #gate: Gate
  readonly #options: Http2ListenOptions
  readonly #now: () => number
  readonly #scheme: 'http' | 'https'
  readonly #inFlight: InFlight
  readonly #counts: SessionCounts
  /**
   * Open HTTP/2 connections of clients.
   *
   * @bound `http2.max_sessions`, of one address `http2.max_sessions_per_address` | the connection is refused |
   *   gatehouse_http2_sessions
   */
  readonly #connections = new ActiveSet<ClientConnection>()
  /** Calls of Envoy's authorization service that wait for their peers. @bound request */
  readonly #waitingCalls = new ActiveSet<CheckCall>()
  /** Connections whose HTTP/2 session has not begun, by the addresses of both ends. @bound connection */
  readonly #beginning = new Map<string, ClientConnection>()
  readonly #ended = new Map<SessionEndCause, number>(sessionEndCauses.map((cause) => [cause, 0]))
  readonly #refused = new Map<StreamRefusalCause, number>(streamRefusalCauses.map((cause) => [cause, 0]))
  readonly #acceptor: TcpServer
  /** The servers that speak HTTP/2 with clients, and with listed proxies, which have other limits. */
  readonly #servers: { readonly client: Http2Server; readonly proxy: Http2Server }
  readonly #endSweeping: () => void
  #contexts: SecureContexts | undefined
  #certificates: readonly Certificate[] | undefined
  #draining = false

  private constructor(gate: Gate, options: Http2ListenOptions) {
    const { certificates, idleMs, now = () => performance.now() } = options
    this.#gate = gate
    this.#options = options
    this.#now = now
    this.#certificates = certificates
    this.#scheme = certificates === undefined ? 'http' : 'https'
    this.#inFlight = new InFlight(Math.ceil(idleMs / 1000), Math.ceil(idleMs / 1000))
    gate.streams?.findIn((found) => this.#inFlight.visitUnregistered(found))
    this.#counts = new SessionCounts({
      ...options,
      now,
      // Count a peer that sends ext_authz checks like a proxy: it carries the requests of many clients too.
      isProxy: (address) =>
        gate.proxies?.lists(address) === true ||
        (options.extAuthz && gate.proxies?.mayCallAuthorization(address) === true),
      isKnown: (address) => gate.knownAddresses.has(address, Date.now()),
    })
    this.#contexts = certificates && new SecureContexts(certificates, options.clientTrust)
    this.#servers = { client: this.#createServer('client'), proxy: this.#createServer('proxy') }
    this.#acceptor = createTcpServer({ noDelay: true }, (socket) => this.#accept(socket))
    this.#endSweeping = new Supervisor('http2-sweep').repeat(SWEEP_MS, () => this.#sweep())
  }

  /** @throws {ListenError} when the gate cannot listen on the address, for example because the port is in use */
  static async open(gate: Gate, options: Http2ListenOptions): Promise<Http2Listener> {
    const listener = new Http2Listener(gate, options)
    const { host, port, reusePort } = options
    try {
      listener.#acceptor.listen({ port, reusePort, exclusive: true, ...(host !== undefined && { host }) })
      await once(listener.#acceptor, 'listening')
    } catch (error) {
      listener.close()
      throw ListenError.of('listen_h2.address', options, error as NodeJS.ErrnoException)
    }
    // Ignore a later error of the listening socket, such as too many open files: it ends no connection.
    listener.#acceptor.on('error', () => undefined)
    return listener
  }

  /** Lists the listener certificates in use with their expiry, by their first name. */
  *expiries(): Iterable<Expiry> {
    for (const { names, validUntilMs } of this.#certificates ?? []) {
      yield { kind: 'certificate', name: names[0]!, expiresAtMs: validUntilMs }
    }
  }

  get port(): number {
    return (this.#acceptor.address() as AddressInfo).port
  }

  /** Number of exchanges in progress at the HTTP/2 listener. */
  get inFlight(): number {
    return this.#inFlight.size + this.#waitingCalls.size
  }

  /** Adds the number of exchanges in progress to `counts` by the id of their route, which is `''` without a route. */
  countByRoute(counts: Map<string, number>): void {
    this.#inFlight.countByRoute(counts)
  }

  /** Number of HTTP/2 client connections: open now, and opened since the start of the node. */
  get connections(): { readonly open: number; readonly opened: number } {
    return { open: this.#counts.sessions, opened: this.#counts.opened }
  }

  get counts(): Http2Counts {
    const { sessions, streams } = this.#counts
    return { sessions, streams, ended: this.#ended, refused: this.#refused }
  }

  #createServer(peers: keyof typeof nativeLimits): Http2Server {
    const options: ServerOptions = {
      ...nativeLimits[peers],
      maxSessionRejectedStreams: 100,
      strictSingleValueFields: false,
      settings: {
        maxConcurrentStreams: this.#options.maxStreams,
        initialWindowSize: WINDOW_BYTES,
        enablePush: false,
        enableConnectProtocol: false,
      },
    }
    const server = this.#contexts === undefined ? createServer(options) : this.#createTlsServer(options, this.#contexts)
    server.on('session', (session) => this.#begin(session))
    // Ignore session errors here: `ClientConnection` handles and counts them.
    server.on('sessionError', () => undefined)
    server.on('error', () => undefined)
    return server
  }

  #createTlsServer(options: ServerOptions, { standard }: SecureContexts): Http2SecureServer {
    const server = createSecureServer({
      ...options,
      ...standard,
      // Accept a client without a certificate here: a phase decides. `#begin` refuses an untrusted certificate.
      requestCert: this.#options.clientTrust !== undefined,
      rejectUnauthorized: false,
      SNICallback: (name, found) => found(null, this.#contexts!.find(name)?.context),
    })
    // Close the connection of a client that does not offer h2. Without this listener, Node.js sends such a client an
    // HTTP/1.0 page.
    server.on('unknownProtocol', (socket) => socket.destroy())
    server.on('tlsClientError', (_, socket) => socket.destroy())
    return server
  }

  #accept(socket: Socket): void {
    socket.on('error', () => undefined)
    const parsed = parseAddress(socket.remoteAddress ?? '')
    // Ignore a client that has already disconnected: it has no address.
    if (parsed === undefined || this.#draining) {
      socket.destroy()
      return
    }
    const address = foldMapped(parsed)
    const peer = this.#counts.open(address)
    if (!(peer instanceof PeerCounts)) {
      this.#count(peer)
      socket.destroy()
      return
    }
    const connection = new ClientConnection({
      socket,
      contexts: this.#contexts,
      address,
      peer,
      idleMs: this.#options.idleMs,
      maxAgeMs: this.#options.maxAgeMs * (1 - Math.random() * AGE_SPREAD),
      now: this.#now,
      onEnd: (cause) => this.#count(cause),
    })
    const key = endsOf(socket)
    this.#beginning.set(key, connection)
    this.#connections.add(connection)
    socket.on('close', () => {
      if (this.#beginning.get(key) === connection) this.#beginning.delete(key)
      this.#connections.delete(connection)
      this.#counts.close(peer)
    })
    this.#servers[peer.isProxy ? 'proxy' : 'client'].emit('connection', socket)
  }

  #begin(session: ServerHttp2Session): void {
    // Listen for errors of the session: without a listener, an error would end the process.
    session.on('error', () => undefined)
    const key = endsOf(session.socket)
    const connection = this.#beginning.get(key)
    if (connection === undefined) {
      session.destroy()
      return
    }
    this.#beginning.delete(key)
    connection.begin(session)
    if (connection.contexts !== undefined && !this.#readHandshake(connection, connection.contexts, session)) return
    session.on('stream', (stream, _, __, list: readonly string[]) => this.#receive(connection, stream, list))
  }

  /** Reads what the TLS handshake has agreed. @returns false when the connection was closed */
  #readHandshake(connection: ClientConnection, contexts: SecureContexts, { socket }: ServerHttp2Session): boolean {
    const { servername, authorized } = socket as TLSSocket
    const { trust } = contexts
    if (typeof servername === 'string') connection.servedNames = contexts.find(servername)?.names
    if (trust === undefined) return true
    const certificate = (socket as TLSSocket).getPeerX509Certificate()
    // Close the connection if a CA was removed: the CAs may have changed during the handshake. It is then not known
    // whether the old or the new CAs verified the certificate. If no CA was removed, a certificate that the old CAs
    // accepted is accepted by the new ones too.
    const current = this.#contexts!.trust!
    if ((certificate !== undefined && !authorized) || !current.covers(trust)) {
      connection.cut('protocol-error')
      return false
    }
    connection.handshake = { trust: current, certificate: certificate?.toString() ?? '' }
    return true
  }

  #receive(connection: ClientConnection, stream: ServerHttp2Stream, list: readonly string[]): void {
    // Listen for errors of the stream: without a listener, an error would end the process.
    stream.on('error', () => undefined)
    if (stream.destroyed || stream.closed) {
      // Ignore a request that the client has already cancelled: it costs neither a phase nor a call of a service.
      this.#refuse('cancelled')
      connection.cancelled(stream)
      return
    }
    const full = this.#counts.openStream(connection.peer, connection.address)
    if (full !== undefined) {
      this.#refuse(full)
      stream.close(constants.NGHTTP2_REFUSED_STREAM)
      return
    }
    stream.on('close', () => this.#counts.closeStream(connection.peer))
    connection.streamOpened(stream, sizeOf(list))
    if (this.#options.extAuthz && isCheckCall(list)) this.#check(connection, stream, list)
    else this.#run(connection, stream, list)
  }

  #check(connection: ClientConnection, stream: ServerHttp2Stream, list: readonly string[]): void {
    const [gate, inFlight, waiting, now] = [this.#gate, this.#inFlight, this.#waitingCalls, this.#now]
    new CheckCall({ gate, stream, connection, inFlight, waiting, now }).open(list)
  }

  #run(connection: ClientConnection, stream: ServerHttp2Stream, list: readonly string[]): void {
    const bodyless = stream.endAfterHeaders
    let x: Exchange | undefined
    try {
      const downstream = new Http2Downstream(stream, connection, this.#inFlight)
      x = new Exchange(this.#gate, readHttp2Head(list, bodyless), downstream)
      x.proto = this.#scheme
      x.servedNames = connection.servedNames
      x.handshake = connection.handshake
      downstream.exchange = x
      this.#inFlight.add(downstream)
      if (!bodyless) downstream.expectBody()
      drive(x)
    } catch (error) {
      if (x === undefined) stream.close(constants.NGHTTP2_INTERNAL_ERROR)
      else fail(x, error)
    }
  }

  #sweep(): void {
    this.#counts.sweep()
    const faults: unknown[] = []
    this.#waitingCalls.visit((call) => call.sweep())
    this.#connections.visit((connection) => {
      try {
        connection.sweep()
      } catch (error) {
        // Continue the sweep with the other connections after an error. The first error is thrown after the sweep.
        faults.push(error)
        connection.destroy()
      }
    })
    if (faults.length > 0) throw faults[0]
  }

  #count(cause: SessionEndCause): void {
    this.#ended.set(cause, this.#ended.get(cause)! + 1)
  }

  #refuse(cause: StreamRefusalCause): void {
    this.#refused.set(cause, this.#refused.get(cause)! + 1)
  }

  /**
   * Uses these certificates and CAs of client certificates for new connections. Open connections keep the previous ones,
   * at most for `listen_h2.max_age`. Does nothing without TLS, and when no file has changed.
   *
   * @returns whether a certificate, key or CA changed
   * @throws {Error} when a certificate cannot be used; the previous certificates stay active
   */
  replaceCertificates(certificates: readonly Certificate[], clientTrust: ClientTrust | undefined): boolean {
    const before = this.#certificates
    if (before === undefined) return false
    const isSame = certificates.every(({ fingerprint }, i) => fingerprint === before[i]?.fingerprint)
    if (isSame && clientTrust?.caFingerprint === this.#contexts!.trust?.caFingerprint) return false
    const contexts = new SecureContexts(certificates, clientTrust)
    for (const server of Object.values(this.#servers)) (server as Http2SecureServer).setSecureContext(contexts.standard)
    this.#contexts = contexts
    this.#certificates = certificates
    return true
  }

  /** Stops accepting HTTP/2 connections, and ends the open ones gracefully (GOAWAY): requests in progress complete. */
  stopListening(): void {
    this.#draining = true
    this.#acceptor.close()
    this.#connections.visit((connection) => connection.goAway('drain'))
  }

  /** Ends the gRPC calls in progress with UNAVAILABLE, because the node stops and cannot wait for them any longer. */
  endCalls(): void {
    this.#inFlight.endCalls()
  }

  /** Ends the HTTP/2 exchanges in progress and closes every client connection. */
  close(): void {
    this.#draining = true
    this.#endSweeping()
    this.#acceptor.close()
    this.#inFlight.close()
    this.#connections.visit((connection) => connection.destroy())
  }
}

/** Returns the addresses and ports of both ends of a connection, which no other open connection has. */
function endsOf({ remoteAddress, remotePort, localAddress }: Socket | TLSSocket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`
}

/** Returns the size of an HTTP/2 request head: the sum of its names and values, bytes. */
function sizeOf(list: readonly string[]): number {
  let bytes = 0
  for (const text of list) bytes += text.length
  return bytes
}
