import type { Certificate } from '../config/certificates.ts'
import type { SocketData } from './client-socket.ts'
import { type ForkedApp, type HttpRequest, type HttpResponse, type us_socket_context_t, uws } from './uws.ts'

export interface UwsServerOptions {
  /** Maximum time without a byte from a client, and maximum idle time of a connection after a reply, s. */
  readonly idleS: number
  /**
   * Certificates of the server; empty for plain HTTP. The server name that the client sent selects the certificate (RFC
   * 6066 §3). The first one is the default.
   */
  readonly certificates: readonly Certificate[]
  /**
   * File with the CAs of client certificates in PEM, read only by the constructor. The listener then requests a
   * certificate in each handshake, and ends the handshake of a client with a certificate that the CAs did not issue.
   * `undefined`: no certificate is requested.
   */
  readonly clientCaFile: string | undefined
  /** Maximum size of a WebSocket message of a client, bytes. */
  readonly messageMaxBytes: number
}

export interface Connections {
  open: number
  opened: number
}

/**
 * Host names that the certificate of a connection covers. `undefined` without TLS, or when the client sent no server
 * name or an unknown one.
 */
export type ServedNames = ReadonlySet<string> | undefined

/**
 * Handles a request of a client.
 *
 * @param context  set if the request can become a WebSocket: a GET with a `Sec-WebSocket-Key` of 24 characters
 */
export type Handler = (
  res: HttpResponse,
  req: HttpRequest,
  served: ServedNames,
  context: us_socket_context_t | undefined,
) => void

type Attach = Pick<ForkedApp, 'any' | 'ws'>

/**
 * Idle timeout of WebSockets in uWebSockets.js, s; 0: none. The timeout would ignore paused sockets, so the sweep of
 * `UwsClientSocket` sends pings instead.
 */
const SOCKET_IDLE_S = 0
/**
 * Number of bytes waiting for a client above which uWebSockets.js drops pongs. The gate sends no message while bytes
 * wait.
 */
const SOCKET_BACKLOG_BYTES = 64 * 1024

/**
 * A uWebSockets.js app that serves connections with a fixed set of certificates; new certificates need a new
 * `UwsServer`. Removing a server name from an app is not safe: uWebSockets.js frees the routes of the name, and
 * dispatches requests of connections that still use the name to freed memory.
 */
export class UwsServer {
  readonly app: ForkedApp
  /** Number of client connections of this server: open now, and opened since the creation of this server. */
  readonly connections: Readonly<Connections>

  /** @throws {Error} when the addon cannot load the first certificate, the default */
  constructor({ certificates, clientCaFile, idleS, messageMaxBytes }: UwsServerOptions, handler: Handler) {
    const app = appFor(certificates, clientCaFile)
    app.setIdleTimeout?.(idleS)
    app.setResponseTimeout?.(idleS)
    const connections = { open: 0, opened: 0 }
    const count = (_: HttpResponse, change: unknown): void => {
      // Counts connections: `change` is 1 when a client connection opens, and -1 when it closes.
      connections.open += Number(change)
      if (change === 1) connections.opened++
    }
    app.filter(count)
    const attach = (to: Attach, served: ServedNames): void => {
      to.any('/*', (res, req) => handler(res, req, served, undefined))
      // Add the WebSocket route, which has priority over the route of `any` for each GET with a `Sec-WebSocket-Key` of
      // 24 characters.
      to.ws<SocketData>('/*', {
        idleTimeout: SOCKET_IDLE_S,
        sendPingsAutomatically: false,
        maxBackpressure: SOCKET_BACKLOG_BYTES,
        maxPayloadLength: messageMaxBytes,
        upgrade: (res, req, context) => handler(res, req, served, context),
        open: (ws) => ws.getUserData().socket.opened(ws),
        message: (ws, message, binary) => ws.getUserData().socket.received(message, binary),
        ping: (ws) => ws.getUserData().socket.controlled(),
        pong: (ws) => ws.getUserData().socket.controlled(),
        drain: (ws) => ws.getUserData().socket.drained(),
        close: (ws, code, message) => {
          // Count the end here: the connection filter is not called for the end of a connection that became a
          // WebSocket.
          connections.open--
          ws.getUserData().socket.closed(code, message)
        },
      })
    }
    attach(app, undefined)
    attachNames(app, certificates, clientCaFile, attach)
    this.app = app
    this.connections = connections
  }

  /**
   * Shortens the idle timeout of connections to 4 s. For each connection, the new timeout counts from its next reply.
   * Does nothing with the official build of uWebSockets.js, which has no such option.
   */
  hurry(): void {
    this.app.setResponseTimeout?.(4)
  }

  /** Closes every client connection of this server. */
  close(): void {
    this.app.close()
  }
}

function appFor([standard]: readonly Certificate[], clientCaFile: string | undefined): ForkedApp {
  return standard === undefined ? uws.App() : uws.SSLApp(tlsOptions(standard, clientCaFile))
}

function tlsOptions({ certFile, keyFile }: Certificate, clientCaFile: string | undefined) {
  const own = { cert_file_name: certFile, key_file_name: keyFile }
  return clientCaFile === undefined ? own : { ...own, ca_file_name: clientCaFile }
}

/**
 * Adds each server name with its certificate to the app. If several certificates cover a name, the first one is used.
 */
function attachNames(
  app: ForkedApp,
  certificates: readonly Certificate[],
  clientCaFile: string | undefined,
  attach: (to: Attach, served: ServedNames) => void,
): void {
  const attached = new Set<string>()
  for (const certificate of certificates) {
    const covered: ReadonlySet<string> = new Set(certificate.names)
    for (const name of certificate.names) {
      if (attached.has(name)) continue
      attached.add(name)
      app.addServerName(name, tlsOptions(certificate, clientCaFile))
      attach(app.domain(name), covered)
    }
  }
}
