import type { Certificate } from '../config/certificates.ts'
import { type ForkedApp, type HttpRequest, type HttpResponse, uws } from './uws.ts'

export interface UwsServerOptions {
  /** Longest time without a byte from a client, and longest idle time of a connection after a reply, s. */
  readonly idleS: number
  /** Empty for plain HTTP. Otherwise chosen by the client's server name (RFC 6066 §3); the first one is the default. */
  readonly certificates: readonly Certificate[]
}

export interface Connections {
  open: number
  opened: number
}

/**
 * Names covered by the certificate that was chosen by server name; `undefined` without TLS, or when the client sent no
 * known server name.
 */
export type ServedNames = ReadonlySet<string> | undefined

export type Handler = (res: HttpResponse, req: HttpRequest, served: ServedNames) => void

/**
 * The uWebSockets.js app that serves connections with a fixed set of certificates. The set never changes:
 * uWebSockets.js frees the routes of a server name together with the name, and then dispatches requests of connections
 * that still use the name to freed memory. New certificates therefore need a new `UwsServer`.
 */
export class UwsServer {
  readonly app: ForkedApp
  /** Client connections: open now, and opened since the start. */
  readonly connections: Readonly<Connections>

  /** @throws {Error} when the addon cannot load the first certificate */
  constructor({ certificates, idleS }: UwsServerOptions, handler: Handler) {
    const app = appFor(certificates)
    app.setIdleTimeout?.(idleS)
    app.setResponseTimeout?.(idleS)
    const connections = { open: 0, opened: 0 }
    const count = (_: HttpResponse, change: unknown): void => {
      // 1 when a connection opens, -1 when it closes.
      connections.open += Number(change)
      if (change === 1) connections.opened++
    }
    app.filter(count)
    app.any('/*', (res, req) => handler(res, req, undefined))
    attachNames(app, certificates, handler)
    this.app = app
    this.connections = connections
  }

  /** Shortens the idle timeout of connections to 4 s, counted from the next reply on each connection. */
  hurry(): void {
    this.app.setResponseTimeout?.(4)
  }

  /** Closes every connection. */
  close(): void {
    this.app.close()
  }
}

function appFor([standard]: readonly Certificate[]): ForkedApp {
  if (standard === undefined) return uws.App()
  return uws.SSLApp({ cert_file_name: standard.certFile, key_file_name: standard.keyFile })
}

/** If several certificates cover a name, the first one is used. */
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
