import type { HttpRequest, HttpResponse, TemplatedApp, us_listen_socket } from 'uWebSockets.js'
import { createRequire } from 'node:module'
import { type AcceptedBuild, checkAddon } from './addon.ts'

export type { HttpRequest, HttpResponse, TemplatedApp, us_listen_socket }

/** Upper limit for a request head, bytes. The setting `request.head_max` is lower and produces a problem document. */
const HEAD_BYTES = 64 * 1024

// The addon reads this variable once, when it is loaded. A static import would load the addon before this line.
process.env['UWS_HTTP_MAX_HEADERS_SIZE'] = String(HEAD_BYTES)

/** The parts of the package that the gate uses. Additions of the fork are optional members. */
interface Uws {
  App(): ForkedApp
  SSLApp(options: { cert_file_name?: string; key_file_name?: string }): ForkedApp
  us_listen_socket_close(socket: us_listen_socket): void
  us_socket_local_port(socket: us_listen_socket): number
  LIBUS_LISTEN_EXCLUSIVE_PORT: number
  /** Undocumented setting call; the value passed below removes the `uWebSockets` field from every reply. */
  _cfg(setting: string): void
}

export interface ForkedApp extends Omit<TemplatedApp, 'listen'> {
  /** Overload with four parameters, which the package's types omit. */
  listen(host: string, port: number, options: number, done: (socket: us_listen_socket | false) => void): ForkedApp
  listen(port: number, options: number, done: (socket: us_listen_socket | false) => void): ForkedApp
  /** Reference to this app for `addChildAppDescriptor`. The package's types omit this and the next two methods. */
  getDescriptor(): number
  /** Distributes the connections that this app accepts over the child apps, each in the next turn of the event loop. */
  addChildAppDescriptor(child: number): void
  removeChildAppDescriptor(child: number): void
  /** Longest time without progress of a request head or a body, s. The official build has a fixed 10 s instead. */
  setIdleTimeout?(seconds: number): void
  /** Idle timeout of a connection after a reply, s. */
  setResponseTimeout?(seconds: number): void
}

/** The package; set by `loadUws`. */
export let uws: Uws

/**
 * Loads the addon after checking its build.
 *
 * @param accepted  see `checkAddon`
 * @throws {Error} when the addon or its script is not a known build
 */
export function loadUws(accepted: AcceptedBuild): void {
  checkAddon(accepted)
  uws = createRequire(import.meta.url)('uWebSockets.js') as Uws
  uws._cfg('999999990007')
}
