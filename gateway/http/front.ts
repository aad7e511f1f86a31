import type { Certificate } from '../config/certificates.ts'
import { type ForkedApp, type HttpRequest, type HttpResponse, uws } from './uws.ts'

export interface FrontOptions {
  /** Time without a byte from a client, and of an idle connection after a reply, s. */
  readonly idleS: number
  /** Empty: plain HTTP. Else chosen by the name that a client asks for (RFC 6066 §3); the first for those that ask none. */
  readonly certificates: readonly Certificate[]
}

export interface Connections {
  open: number
  opened: number
}

/** Names of the certificate that a connection was given by name; `undefined`: without TLS, or the client named none known. */
export type ServedNames = ReadonlySet<string> | undefined

export type Handler = (res: HttpResponse, req: HttpRequest, served: ServedNames) => void

/**
 * The uWebSockets.js app that serves connections, with the certificates that it was built with. They never change:
 * uWebSockets.js frees the routes of a server name together with the name, and then dispatches requests of connections
 * that still use the name to freed memory. New certificates therefore need a new front.
 */
export class Front {
  readonly app: ForkedApp
  /** Of clients: open now, and opened so far. */
  readonly connections: Readonly<Connections>

  /** @throws {Error} when the addon cannot load the first certificate */
  constructor({ certificates, idleS }: FrontOptions, handler: Handler) {
    const app = appFor(certificates)
    app.setIdleTimeout?.(idleS)
    app.setResponseTimeout?.(idleS)
    const connections = { open: 0, opened: 0 }
    const count = (_: HttpResponse, change: unknown): void => {
      // 1 for one that opens, -1 for one that closes.
      connections.open += Number(change)
      if (change === 1) connections.opened++
    }
    app.filter(count)
    app.any('/*', (res, req) => handler(res, req, undefined))
    attachNames(app, certificates, handler)
    this.app = app
    this.connections = connections
  }

  /** Ends idle connections soon: the time counts from the next reply of each. */
  hurry(): void {
    this.app.setResponseTimeout?.(4)
  }

  /** Ends every connection. */
  close(): void {
    this.app.close()
  }
}

function appFor([standard]: readonly Certificate[]): ForkedApp {
  if (standard === undefined) return uws.App()
  return uws.SSLApp({ cert_file_name: standard.certFile, key_file_name: standard.keyFile })
}

/** The first certificate with a name has it. */
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
