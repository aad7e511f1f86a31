import type { Expiry, ExpirySource } from '../base/expiries.ts'
import type { Certificate } from '../config/certificates.ts'
import { abandon, drive, fail, refuseForwarded } from '../pipeline/exchange/driver.ts'
import { Exchange } from '../pipeline/exchange/exchange.ts'
import { bodyTooLarge } from '../pipeline/exchange/size-denials.ts'
import type { Gate } from '../pipeline/gate.ts'
import { InFlight } from '../pipeline/in-flight/in-flight.ts'
import type { ClientTrust } from '../x509/client-trust.ts'
import { UwsDownstream } from './downstream.ts'
import { framesBody, readHead } from './head.ts'
import { type DataPlaneAddress, ListeningSocket } from './listening-socket.ts'
import { withTemporaryFile } from './temporary-file.ts'
import { UpgradeCork } from './upgrade-cork.ts'
import type { HttpRequest, HttpResponse, us_socket_context_t } from './uws.ts'
import { type Connections, type Handler, type ServedNames, UwsServer, type UwsServerOptions } from './uws-server.ts'

export interface ListenOptions extends Omit<UwsServerOptions, 'messageMaxBytes' | 'clientCaFile'>, DataPlaneAddress {
  /** CAs of client certificates; `undefined`: the listener requests no certificate. Only with TLS. */
  readonly clientTrust: ClientTrust | undefined
  /** Maximum time for which the client of a chunked upload can stall, s. */
  readonly chunkedIdleS: number
}

/** The data plane: accepts requests from uWebSockets.js and runs each request through the lifecycle of an exchange. */
export class Listener implements ExpirySource {
  readonly #gate: Gate
  readonly #idleS: number
  readonly #inFlight: InFlight
  readonly #upgradeCork: UpgradeCork
  readonly #socket: ListeningSocket
  /**
   * uWebSockets.js servers in the order of their creation. The last server gets new connections. Each earlier server
   * keeps the connections that were open when the certificates changed.
   */
  readonly #servers: UwsServer[]
  #certificates: readonly Certificate[]
  #clientTrust: ClientTrust | undefined

  private constructor(gate: Gate, options: ListenOptions, upgradeCork: UpgradeCork) {
    this.#gate = gate
    this.#upgradeCork = upgradeCork
    this.#idleS = options.idleS
    this.#certificates = options.certificates
    this.#clientTrust = options.clientTrust
    this.#inFlight = new InFlight(options.idleS, options.chunkedIdleS)
    gate.streams?.findIn((found) => this.#inFlight.visitUnregistered(found))
    const server = this.#createServer(options.certificates, options.clientTrust)
    this.#servers = [server]
    this.#socket = new ListeningSocket(options, server, options.certificates.length > 0)
  }

  /** @throws {ListenError} when the gate cannot listen on the address, for example because the port is in use */
  static async open(gate: Gate, options: ListenOptions): Promise<Listener> {
    const upgradeCork = await UpgradeCork.open()
    try {
      return new Listener(gate, options, upgradeCork)
    } catch (error) {
      upgradeCork.close()
      throw error
    }
  }

  get port(): number {
    return this.#socket.port
  }

  /** Lists the listener certificates in use with their expiry, by their first name. */
  *expiries(): Iterable<Expiry> {
    for (const { names, validUntilMs } of this.#certificates) {
      yield { kind: 'certificate', name: names[0]!, expiresAtMs: validUntilMs }
    }
  }

  /** Number of exchanges in progress on this node. */
  get inFlight(): number {
    return this.#inFlight.size
  }

  /** Adds the number of exchanges in progress to `counts` by the id of their route, which is `''` without a route. */
  countByRoute(counts: Map<string, number>): void {
    this.#inFlight.countByRoute(counts)
  }

  /** Number of HTTP/1.1 client connections: open now, and opened since the start of the node. */
  get connections(): Readonly<Connections> {
    const sum = { open: 0, opened: 0 }
    for (const { connections } of this.#servers) {
      sum.open += connections.open
      sum.opened += connections.opened
    }
    return sum
  }

  #accept(
    res: HttpResponse,
    req: HttpRequest,
    served: ServedNames,
    context: us_socket_context_t | undefined,
    trust: ClientTrust | undefined,
  ): void {
    let x: Exchange | undefined
    // Create the exchange's client side first: uWebSockets.js aborts the process if a request handler returns with
    // neither a reply nor an `onAborted` callback.
    const downstream = new UwsDownstream(res, this.#inFlight)
    res.onAborted(() => {
      downstream.lost()
      if (x !== undefined) abandon(x, downstream.bodyEndedNow ? 'trailer-after-body' : 'client-gone')
    })
    try {
      const head = readHead(req)
      if (context !== undefined) {
        downstream.allowUpgrade({ key: head.field('sec-websocket-key')!, context, cork: this.#upgradeCork })
      }
      x = new Exchange(this.#gate, head, downstream)
      x.servedNames = served
      downstream.exchange = x
      if (trust !== undefined) x.handshake = { trust, certificate: res.getX509Certificate() as string }
      this.#inFlight.add(downstream)
      if (framesBody(head)) this.#attachBody(res, x, downstream)
      drive(x)
    } catch (error) {
      if (x === undefined) res.close()
      else fail(x, error)
    }
  }

  #attachBody(res: HttpResponse, x: Exchange, downstream: UwsDownstream): void {
    const upload = downstream.expectBody()
    res.onData((chunk, last) => {
      try {
        const most = x.route?.maxBodyBytes
        // Check the size of the request body before the chunk is forwarded, so that the service receives neither more
        // bytes than allowed nor the end of a cut body.
        if (most !== undefined && upload.bytes + chunk.byteLength > most) {
          refuseForwarded(x, bodyTooLarge(most))
        }
        upload.receive(chunk, last)
        if (last && x.head.chunked) upload.markEnd()
      } catch (error) {
        fail(x, error)
      }
    })
  }

  /**
   * Uses these certificates and CAs of client certificates for new connections; open connections keep the previous ones.
   * The listening socket stays open, so that no connection is lost. Does nothing when no certificate file has changed.
   *
   * @returns whether a certificate, key or CA changed
   * @throws {Error} when the addon cannot load the first certificate; the previous certificates stay active
   */
  replaceCertificates(certificates: readonly Certificate[], clientTrust: ClientTrust | undefined): boolean {
    const before = this.#certificates
    const isSame = certificates.every(({ fingerprint }, i) => fingerprint === before[i]?.fingerprint)
    if (isSame && clientTrust?.caFingerprint === this.#clientTrust?.caFingerprint) return false
    const server = this.#createServer(certificates, clientTrust)
    this.#servers.push(server)
    this.#socket.handTo(server)
    this.#certificates = certificates
    this.#clientTrust = clientTrust
    return true
  }

  #createServer(certificates: readonly Certificate[], trust: ClientTrust | undefined): UwsServer {
    const { messageMaxBytes } = this.#gate.limits
    const options = { idleS: this.#idleS, certificates, messageMaxBytes }
    const accept: Handler = (res, req, served, context) => this.#accept(res, req, served, context, trust)
    if (trust === undefined) return new UwsServer({ ...options, clientCaFile: undefined }, accept)
    return withTemporaryFile(trust.pem, (clientCaFile) => new UwsServer({ ...options, clientCaFile }, accept))
  }

  /** Stops accepting client connections. While the gate drains, each open connection ends with its next reply. */
  stopListening(): void {
    this.#socket.close()
    for (const server of this.#servers) server.hurry()
  }

  /**
   * Closes the WebSockets of clients with code 1001, evenly over this time, so that their clients do not all reconnect
   * at once.
   *
   * @param overMs  time until the last one is closed, ms
   */
  endWebSockets(overMs: number): void {
    this.#inFlight.endWebSockets(overMs)
  }

  /** Ends the exchanges in progress and closes every client connection. */
  close(): void {
    this.#inFlight.close()
    for (const server of this.#servers) server.close()
    this.#upgradeCork.close()
  }
}
