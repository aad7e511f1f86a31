import { ListenError } from '../base/listen-error.ts'
import type { ListenAddress } from '../config/listen-address.ts'
import { type ForkedApp, type us_listen_socket, uws } from './uws.ts'
import type { UwsServer } from './uws-server.ts'

export interface DataPlaneAddress extends ListenAddress {
  /** True when other processes are allowed to listen on the same port. */
  readonly reusePort: boolean
}

/**
 * The data plane's listening socket. It stays open from the start of the node to its stop, because closing a listening
 * socket resets the connections that wait in its queue. With a new socket for each change, 22 of 3,592 new TLS
 * connections were reset over 100 changes of certificates; with one socket, 0 of 3,782. A pause before the close does
 * not help, because the kernel assigns connections to both sockets until the close.
 *
 * With plain HTTP, the server itself listens. With TLS, an app without certificates accepts connections. It passes each
 * connection to the current server before the handshake, so that another server can replace the current one between two
 * connections. This costs one turn of the event loop per connection. It also costs about 20 KB per change and server
 * name, because uWebSockets.js never frees an app whose descriptor was used. `removeServerName` on the serving app is
 * no alternative: it dispatches requests of open connections to freed memory.
 */
export class ListeningSocket {
  readonly port: number
  readonly #socket: us_listen_socket
  /** App that accepts TLS connections; `undefined` for plain HTTP. */
  readonly #acceptor: ForkedApp | undefined
  #child: number | undefined

  /** @throws {ListenError} when the gate cannot listen on the address, for example because the port is in use */
  constructor(address: DataPlaneAddress, server: UwsServer, tls: boolean) {
    if (tls) {
      this.#acceptor = uws.SSLApp({})
      this.handTo(server)
    }
    this.#socket = listen(this.#acceptor ?? server.app, address)
    this.port = uws.us_socket_local_port(this.#socket)
  }

  /** Passes every client connection that is accepted from now on to this server. Only with TLS. */
  handTo(server: UwsServer): void {
    const child = server.app.getDescriptor()
    // Keep this order of calls, in one turn of the event loop: an acceptor without a child app would serve connections
    // itself.
    this.#acceptor!.addChildAppDescriptor(child)
    if (this.#child !== undefined) this.#acceptor!.removeChildAppDescriptor(this.#child)
    this.#child = child
  }

  close(): void {
    uws.us_listen_socket_close(this.#socket)
  }
}

function listen(app: ForkedApp, { host, port, reusePort }: DataPlaneAddress): us_listen_socket {
  let socket: us_listen_socket | false = false
  // Called with the listening socket, or false. uWebSockets.js calls it before `listen` returns.
  const opened = (given: us_listen_socket | false): void => {
    socket = given
  }
  const flags = reusePort ? 0 : uws.LIBUS_LISTEN_EXCLUSIVE_PORT
  if (host === undefined) app.listen(port, flags, opened)
  else app.listen(host, port, flags, opened)
  if (socket !== false) return socket
  throw new ListenError(
    'listen',
    { host, port },
    'the port is in use, or this machine does not have the address',
    'stop the process that listens there, or set another address with --listen; with reuse_port, the nodes of one machine share a port',
  )
}
