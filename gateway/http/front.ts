import { ListenError } from '../base/listen-error.ts'
import type { Certificate } from '../config/certificates.ts'
import { type ForkedApp, type HttpRequest, type HttpResponse, type us_listen_socket, uws } from './uws.ts'

export interface FrontOptions {
  /** `undefined`: every address of the machine. */
  readonly host: string | undefined
  readonly port: number
  /** Other sockets may listen on the port too. */
  readonly shared: boolean
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
 * One listening socket with the certificates that it was opened with. They are never changed: uWebSockets.js frees the
 * routes of a server name with the name, and hands the requests of connections that still have it to whatever comes to
 * lie there. New certificates are a new front on the same port, and the old one goes on without listening.
 */
export class Front {
  readonly port: number
  readonly #app: ForkedApp
  readonly #socket: us_listen_socket
  /** Of clients: open now, and opened so far. */
  readonly connections: Readonly<Connections>

  private constructor(app: ForkedApp, socket: us_listen_socket, connections: Connections) {
    this.#app = app
    this.connections = connections
    this.#socket = socket
    this.port = uws.us_socket_local_port(socket)
  }

  /** @throws {ListenError} when the address cannot be listened on */
  static open(options: FrontOptions, handler: Handler): Front {
    const app = appFor(options.certificates)
    app.setIdleTimeout?.(options.idleS)
    app.setResponseTimeout?.(options.idleS)
    const connections = { open: 0, opened: 0 }
    const count = (_: HttpResponse, change: unknown): void => {
      // 1 for one that opens, -1 for one that closes.
      connections.open += Number(change)
      if (change === 1) connections.opened++
    }
    app.filter(count)
    app.any('/*', (res, req) => handler(res, req, undefined))
    attachNames(app, options.certificates, handler)
    return new Front(app, listen(app, options), connections)
  }

  /** Takes no more connections. */
  stopListening(): void {
    uws.us_listen_socket_close(this.#socket)
  }

  /** Ends idle connections soon: the time counts from the next reply of each. */
  hurry(): void {
    this.#app.setResponseTimeout?.(4)
  }

  /** Ends every connection. */
  close(): void {
    this.#app.close()
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

function listen(app: ForkedApp, { host, port, shared }: FrontOptions): us_listen_socket {
  let socket: us_listen_socket | false = false
  // uWebSockets.js answers before `listen` returns.
  const opened = (given: us_listen_socket | false): void => {
    socket = given
  }
  const flags = shared ? 0 : uws.LIBUS_LISTEN_EXCLUSIVE_PORT
  if (host === undefined) app.listen(port, flags, opened)
  else app.listen(host, port, flags, opened)
  if (socket !== false) return socket
  throw new ListenError(
    'listen',
    { host, port },
    'the port is taken or the address is not here',
    'end what listens there, or name another by --listen; with reuse_port, nodes of one machine share a port',
  )
}
