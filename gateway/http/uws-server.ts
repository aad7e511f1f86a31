import type { Certificate } from '../config/certificates.ts'
import { type ForkedApp, type HttpRequest, type HttpResponse, uws } from './uws.ts'

export interface UwsServerOptions {
  /** Maximum time without a byte from a client, and maximum idle time of a connection after a reply, s. */
  readonly idleS: number
  /**
   * Certificates of the server; empty for plain HTTP. The server name that the client sent selects the certificate (RFC
   * 6066 §3). The first one is the default.
   */
  readonly certificates: readonly Certificate[]
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

export type Handler = (res: HttpResponse, req: HttpRequest, served: ServedNames) => void

/**
 * A uWebSockets.js app that serves connections with a fixed set of certificates; new certificates need a new
 * `UwsServer`. Removing a server name from an app is not safe: uWebSockets.js frees the routes of the name, and
 * dispatches requests of connections that still use the name to freed memory.
 */
export class UwsServer {
  readonly app: ForkedApp
  /** Number of client connections: open now, and opened since the creation of this server. */
  readonly connections: Readonly<Connections>

  /** @throws {Error} when the addon cannot load the first certificate, the default */
  constructor({ certificates, idleS }: UwsServerOptions, handler: Handler) {
    const app = appFor(certificates)
    app.setIdleTimeout?.(idleS)
    app.setResponseTimeout?.(idleS)
    const connections = { open: 0, opened: 0 }
    const count = (_: HttpResponse, change: unknown): void => {
      // `change` is 1 when a connection opens, and -1 when a connection closes.
      connections.open += Number(change)
      if (change === 1) connections.opened++
    }
    app.filter(count)
    app.any('/*', (res, req) => handler(res, req, undefined))
    attachNames(app, certificates, handler)
    this.app = app
    this.connections = connections
  }

  /**
   * Shortens the idle timeout of connections to 4 s. For each connection, the new timeout counts from its next reply.
   */
  hurry(): void {
    this.app.setResponseTimeout?.(4)
  }

  /** Closes every client connection of this server. */
  close(): void {
    this.app.close()
  }
}

function appFor([standard]: readonly Certificate[]): ForkedApp {
  if (standard === undefined) return uws.App()
  return uws.SSLApp({ cert_file_name: standard.certFile, key_file_name: standard.keyFile })
}

/**
 * Adds each server name with its certificate to the app. If several certificates cover a name, the first one is used.
 */
function attachNames(app: ForkedApp, certificates: readonly Certificate[], handler: Handler): void {
  const attached = new Set<string>()
  for (const { names, certFile, keyFile } of certificates) {
    const covered: ReadonlySet<string> = new Set(names)
    for (const name of names) {
      if (attached.has(name)) continue
      attached.add(name)
      app.addServerName(name, { cert_file_name: certFile, key_file_name: keyFile })
      app.domain(name).any('/*', (res, req) => handler(res, req, covered))
    }
  }
}
