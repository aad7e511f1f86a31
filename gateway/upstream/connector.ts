import { lookup } from 'node:dns'
import { isIP, type Socket } from 'node:net'
import { buildConnector } from 'undici'
import { guardedLookup } from '../base/guarded-lookup.ts'

/** What a connection had been through when it failed: a retry depends on it, and undici's errors do not say. */
export type ConnectionPast = 'never-open' | 'fresh' | 'used'

const pasts = new WeakMap<Error, ConnectionPast>()

/** @returns `undefined` for an error that did not come from a connection */
export function connectionPast(error: Error): ConnectionPast | undefined {
  return pasts.get(error)
}

/**
 * Opens the connections to an upstream, HTTP/1.1 only, and remembers how each failed.
 *
 * @param connectMs  longest wait for a connection, its TLS handshake included
 */
export function upstreamConnector(origin: URL, connectMs: number): buildConnector.connector {
  const open = buildConnector({
    timeout: connectMs,
    keepAlive: true,
    allowH2: false,
    lookup: guardedLookup(lookup),
  })
  const name = origin.hostname
  // RFC 6066 §3: an address is no server name. The certificate must still be the address's.
  const server = isIP(name) !== 0 || name.startsWith('[') ? {} : { servername: name }
  return ({ servername: _, ...options }, done) =>
    // undici cancels an attempt that nobody waits for any more by the socket that this returns.
    open({ ...options, ...server }, (error, socket) => {
      if (error !== null) {
        pasts.set(error, 'never-open')
        done(error, null)
      } else {
        watch(socket)
        done(null, socket)
      }
    })
}

/** Hears of a failure before undici does. */
function watch(socket: Socket): void {
  socket.on('error', (error: NodeJS.ErrnoException) => {
    pasts.set(error, socket.bytesRead > 0 ? 'used' : 'fresh')
    // undici takes this code for a good end of a body that ends with its connection, which a reset never is.
    if (error.code === 'ECONNRESET') error.code = 'ERR_UPSTREAM_RESET'
  })
}
