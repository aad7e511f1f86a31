import type { HttpRequest, HttpResponse, TemplatedApp, us_listen_socket } from 'uWebSockets.js'
import { createRequire } from 'node:module'
import { type AcceptedBuild, checkAddon } from './addon.ts'

export type { HttpRequest, HttpResponse, TemplatedApp, us_listen_socket }

/** Upper bound of a head, bytes. Ours (`request.head_max`) is finer and answers with a problem document. */
const HEAD_BYTES = 64 * 1024

// The addon reads this once, when it is loaded: a static import would be too early.
process.env['UWS_HTTP_MAX_HEADERS_SIZE'] = String(HEAD_BYTES)

/** The parts of the package that the gate uses, the fork's own additions marked optional. */
interface Uws {
  App(): ForkedApp
  SSLApp(options: { cert_file_name?: string; key_file_name?: string }): ForkedApp
  us_listen_socket_close(socket: us_listen_socket): void
  us_socket_local_port(socket: us_listen_socket): number
  LIBUS_LISTEN_EXCLUSIVE_PORT: number
  /** Undocumented. This value takes the `uWebSockets` field out of every reply. */
  _cfg(setting: string): void
}

export interface ForkedApp extends Omit<TemplatedApp, 'listen'> {
  /** The form with all four, which the package's types leave out. */
  listen(host: string, port: number, options: number, done: (socket: us_listen_socket | false) => void): ForkedApp
  listen(port: number, options: number, done: (socket: us_listen_socket | false) => void): ForkedApp
  /** Reference to this app for `addChildAppDescriptor`. The package's types leave these three methods out. */
  getDescriptor(): number
  /** Hands connections that this app accepts to the child apps in turn, each in the next turn of the event loop. */
  addChildAppDescriptor(child: number): void
  removeChildAppDescriptor(child: number): void
  /** Time for a head to come and a body to move, s. The author's own build has a fixed 10 s instead. */
  setIdleTimeout?(seconds: number): void
  /** Life of an idle connection after a reply, s. */
  setResponseTimeout?(seconds: number): void
}

/** The package, once `loadUws` has loaded it. */
export let uws: Uws

/**
 * Loads the addon, after a look at what it is.
 *
 * @param accepted  see `checkAddon`
 * @throws {Error} when it is not a known build
 */
export function loadUws(accepted: AcceptedBuild): void {
  checkAddon(accepted)
  uws = createRequire(import.meta.url)('uWebSockets.js') as Uws
  uws._cfg('999999990007')
}
