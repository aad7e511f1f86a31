import { lookup } from 'node:dns'
import { isIP, type Socket } from 'node:net'
import { buildConnector } from 'undici'
import { guardedLookup } from '../../../gateway/base/guarded-lookup.ts'

/**
 * State of a connection when it failed: never opened, open without any byte received, or open with bytes received.
 * Retries depend on this state, and undici's errors do not contain it.
 */
export type ConnectionPast = 'never-open' | 'fresh' | 'used'

const pasts = new WeakMap<Error, ConnectionPast>()

/** Returns the state in which the connection failed; `undefined` for an error that did not come from a connection. */
export function connectionPast(error: Error): ConnectionPast | undefined {
  return pasts.get(error)
}

/**
 * Returns the connector of an upstream, HTTP/1.1 only. The connector records the state in which each connection failed.
 *
 * @param connectMs  longest time to establish a connection, TLS handshake included, ms
 */
export function upstreamConnector(origin: URL, connectMs: number): buildConnector.connector {
  const open = buildConnector({
    timeout: connectMs,
    keepAlive: true,
    allowH2: false,
    lookup: guardedLookup(lookup),
  })
  const name = origin.hostname
  // RFC 6066 §3: an IP address is not sent as server name. The certificate must still be valid for the address.
  const server = isIP(name) !== 0 || name.startsWith('[') ? {} : { servername: name }
  return ({ servername: _, ...options }, done) =>
    // undici destroys the returned socket to cancel an attempt that no request waits for any more.
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

/** Listens for socket errors before undici does, to record the state of the connection. */
function watch(socket: Socket): void {
  socket.on('error', (error: NodeJS.ErrnoException) => {
    pasts.set(error, socket.bytesRead > 0 ? 'used' : 'fresh')
    // undici treats ECONNRESET as a normal end of a body that is delimited by the close of its connection. A reset is
    // never a normal end, so the code is changed.
    if (error.code === 'ECONNRESET') error.code = 'ERR_UPSTREAM_RESET'
  })
}
