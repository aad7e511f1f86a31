import { lookup as systemLookup } from 'node:dns'
import { connect, type TLSSocket } from 'node:tls'
import { guardedLookup } from '../../gateway/base/guarded-lookup.ts'
import type { SinkTls } from './http-call.ts'
import { faultOf, type Refused, type ShippedBatch, type Sink, SinkFault } from './sink.ts'
import { syslogFrame } from './syslog-message.ts'

interface SyslogSinkDependencies {
  readonly host: string
  readonly port: number
  readonly tls: SinkTls
  readonly timeoutMs: number
  /** Number of last records to send again after a connection failed. */
  readonly resend: number
}

/** When the receiver closes the connection this long after the last write, ms, it has received everything. */
const QUIET_MS = 5000
/** Maximum wait for the connection to close, ms. */
const CLOSE_MS = 2000

/**
 * Ships to a syslog receiver over TLS (RFC 5425). Syslog has no acknowledgements: bytes accepted by the kernel count as
 * shipped. After a failed connection, and after a start, the last records may be lost and are sent again.
 */
export class SyslogSink implements Sink {
  readonly #dependencies: SyslogSinkDependencies
  #socket: TLSSocket | undefined
  #lastWriteAt = 0
  /** Counts interruptions. Starts at 1, because the worker that shipped before may have been killed. */
  #times = 1

  constructor(dependencies: SyslogSinkDependencies) {
    this.#dependencies = dependencies
  }

  get doubt(): { readonly records: number; readonly times: number } {
    return { records: this.#dependencies.resend, times: this.#times }
  }

  async send(batches: readonly ShippedBatch[]): Promise<readonly Refused[]> {
    const frames = batches.flatMap(({ records }) => records.map(syslogFrame)).join('')
    const socket = this.#socket ?? (await this.#connect())
    await this.#write(socket, Buffer.from(frames))
    return []
  }

  async close(): Promise<void> {
    const socket = this.#socket
    if (socket === undefined) return
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve())
      socket.end()
      setTimeout(() => socket.destroy(), CLOSE_MS).unref()
    })
  }

  async #connect(): Promise<TLSSocket> {
    const { host, port, tls, timeoutMs } = this.#dependencies
    const socket = connect({ host, port, ...tls, lookup: guardedLookup(systemLookup), minVersion: 'TLSv1.2' })
    try {
      await answer(timeoutMs, 'connection timed out', socket, (done) => socket.once('secureConnect', done))
    } catch (error) {
      socket.destroy()
      throw new SinkFault(`${host}:${port}: ${faultOf(error).message}`)
    }
    // Discard received data; without reading, the end of the stream would not be noticed.
    socket.setKeepAlive(true, 30_000).resume()
    let ended = false
    socket.on('error', () => {})
    socket.once('end', () => {
      ended = performance.now() - this.#lastWriteAt > QUIET_MS
      this.#socket = undefined
    })
    socket.once('close', (failed) => {
      if (failed || !ended) this.#times++
      this.#socket = undefined
    })
    this.#lastWriteAt = performance.now()
    this.#socket = socket
    return socket
  }

  async #write(socket: TLSSocket, frames: Buffer): Promise<void> {
    const { host, port, timeoutMs } = this.#dependencies
    try {
      await answer(timeoutMs, 'takes nothing', socket, (done) => {
        socket.write(frames, (error) => (error ? undefined : done()))
      })
      this.#lastWriteAt = performance.now()
    } catch (error) {
      // A part of a frame may have been sent: the receiver would read the next bytes as its rest.
      socket.destroy()
      throw new SinkFault(`${host}:${port}: ${faultOf(error).message}`)
    }
  }
}

/** Waits until `begin` calls back, the socket fails, or time is up. */
function answer(limitMs: number, late: string, socket: TLSSocket, begin: (done: () => void) => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(() => reject(new Error(late)), limitMs)
  const closed = (): void => reject(new Error('the connection broke'))
  socket.once('error', reject).once('close', closed)
  begin(resolve)
  return promise.finally(() => {
    clearTimeout(timer)
    socket.off('error', reject).off('close', closed)
  })
}
