import type {
  HttpRequest,
  HttpResponse,
  TemplatedApp,
  us_listen_socket,
  us_socket_context_t,
  WebSocket,
} from 'uWebSockets.js'
import { createRequire } from 'node:module'
import { type AcceptedBuild, checkAddon } from './addon.ts'

export type { HttpRequest, HttpResponse, TemplatedApp, us_listen_socket, us_socket_context_t, WebSocket }

/** Maximum size of a request head that uWebSockets.js reads, bytes. The setting `request.head_max` cannot exceed it. */
const HEAD_BYTES = 64 * 1024

// Set the environment variable before the uWebSockets.js addon is loaded, because the addon reads it only once. A
// static import would load the addon before this line.
process.env['UWS_HTTP_MAX_HEADERS_SIZE'] = String(HEAD_BYTES)

/**
 * The members of the uWebSockets.js package that the gate uses. Members that only the fork of the package has are
 * optional.
 */
interface Uws {
  App(): ForkedApp
  SSLApp(options: { cert_file_name?: string; key_file_name?: string; ca_file_name?: string }): ForkedApp
  us_listen_socket_close(socket: us_listen_socket): void
  us_socket_local_port(socket: us_listen_socket): number
  LIBUS_LISTEN_EXCLUSIVE_PORT: number
  /**
   * Undocumented function for options of the addon. `loadUws` uses it to remove the `uWebSockets` field from every
   * reply.
   */
  _cfg(setting: string): void
}

export interface ForkedApp extends Omit<TemplatedApp, 'listen'> {
  /** Overload of `listen` with four parameters, which the types of the package lack. */
  listen(host: string, port: number, options: number, done: (socket: us_listen_socket | false) => void): ForkedApp
  listen(port: number, options: number, done: (socket: us_listen_socket | false) => void): ForkedApp
  /**
   * Returns a reference to this app for `addChildAppDescriptor`. The package's types omit this method and the next two.
   */
  getDescriptor(): number
  /**
   * Passes the connections that this app accepts to its child apps, each connection in the next turn of the event loop.
   */
  addChildAppDescriptor(child: number): void
  removeChildAppDescriptor(child: number): void
  /**
   * Option of the fork: sets the maximum time without progress of a request head or a body, s. The official build has a
   * fixed 10 s instead.
   */
  setIdleTimeout?(seconds: number): void
  /** Option of the fork: sets the idle timeout of a connection after a reply, s. */
  setResponseTimeout?(seconds: number): void
}

/** The uWebSockets.js package. `loadUws` must be called before the first use. */
export let uws: Uws

/**
 * Loads the uWebSockets.js addon after checking that its build is known.
 *
 * @param accepted  a build that the operator allows in addition to the known builds
 * @throws {Error} when the addon or its script is not a known build
 */
export function loadUws(accepted: AcceptedBuild): void {
  checkAddon(accepted)
  uws = createRequire(import.meta.url)('uWebSockets.js') as Uws
  uws._cfg('999999990007')
}
