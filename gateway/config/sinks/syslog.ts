import { lookup as systemLookup } from 'node:dns'
import { performance } from 'node:perf_hooks'
import { connect, type TLSSocket } from 'node:tls'
import { z } from 'zod'
import { guardedLookup } from '../../base/guarded-lookup.ts'
import { type InvalidText, parsedText } from '../text-schemas.ts'
import { readWebUrl } from '../web-url.ts'
import { faultOf, type RejectedRecord, type ShippedBatch, type Sink, SinkFault } from './sink.ts'
import type { SinkAccess } from './sink-access.ts'
import { sinkKind } from './sink-kind.ts'
import { records, restart, sinkTls, sinkType, timeout } from './sink-members.ts'
import { syslogFrame } from './syslog-message.ts'

const hostForm = 'host:port or [address]:port'

const schema = z
  .strictObject({
    type: sinkType('syslog'),
    address: parsedText(hostForm, readHostPort)
      .describe('Address where the receiver accepts TLS: host:port.')
      .meta(restart),
    tls: sinkTls,
    records,
    timeout,
    resend: z
      .int()
      .min(0)
      .max(50_000)
      .prefault(2000)
      .describe(
        'Number of the latest records that are sent again after a broken connection, and at each start of a worker, ' +
          'because syslog has no acknowledgements and these records may be lost. Default 2000, 0 to 50000.',
      )
      .meta(restart),
  })
  .describe('`type: syslog`: RFC 5424 over TLS (RFC 5425).')

function readHostPort(written: string): { readonly host: string; readonly port: number } | InvalidText | undefined {
  const url = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):[1-9][0-9]{0,4}$/.test(written)
    ? readWebUrl(`https://${written}`)
    : undefined
  if (!(url instanceof URL)) return url
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 443) }
}

interface SyslogSinkDependencies {
  readonly host: string
  readonly port: number
  readonly access: SinkAccess
  readonly timeoutMs: number
  /**
   * Number of the newest audit records that are sent again after a syslog connection failed, and after a start of the
   * worker.
   */
  readonly resend: number
}

/**
 * If the syslog receiver closes the connection more than this time (ms) after the last write, it has probably received
 * all records. Otherwise the newest records may be lost.
 */
const QUIET_MS = 5000
/** Maximum time to wait for the syslog connection to close, ms. After it, the socket is destroyed. */
const CLOSE_MS = 2000

/**
 * Sends audit records to a syslog receiver over TLS (RFC 5425). Syslog has no acknowledgements, so records count as
 * delivered when the operating system has accepted their bytes. After a failed connection and after a start, the most
 * recent records can be lost, so they are sent again.
 */
class SyslogSink implements Sink {
  readonly #dependencies: SyslogSinkDependencies
  #socket: TLSSocket | undefined
  #lastWriteAt = 0
  /**
   * Number of interruptions of the connection to the syslog receiver. Starts at 1, because an earlier worker can have
   * been killed before its records arrived.
   */
  #times = 1

  constructor(dependencies: SyslogSinkDependencies) {
    this.#dependencies = dependencies
  }

  get doubt(): { readonly records: number; readonly times: number } {
    return { records: this.#dependencies.resend, times: this.#times }
  }

  async send(batches: readonly ShippedBatch[]): Promise<readonly RejectedRecord[]> {
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
    const { host, port, access, timeoutMs } = this.#dependencies
    const shown = access.presented
    const options = { host, port, ...access.tls(shown), lookup: guardedLookup(systemLookup) }
    const socket = connect({ ...options, minVersion: 'TLSv1.2' })
    const openedAt = performance.now()
    socket.on('error', () => {})
    // Watch for an early close: with TLS 1.3 a syslog receiver refuses a client certificate only after the handshake,
    // and some receivers send no TLS alert. So a connection that closes soon counts as a refusal, and the next
    // connection presents the other certificate.
    if (shown.cert !== undefined) {
      socket.once('close', () => performance.now() - openedAt < QUIET_MS && access.refused(shown))
    }
    try {
      await answer(timeoutMs, 'connecting to the syslog server timed out', socket, (done) =>
        socket.once('secureConnect', done),
      )
    } catch (error) {
      socket.destroy()
      throw new SinkFault(`syslog server ${host}:${port}: ${faultOf(error).message}`)
    }
    // Read and discard data from the syslog receiver: without reading, the end of the connection would not be noticed.
    socket.setKeepAlive(true, 30_000).resume()
    let ended = false
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
      await answer(timeoutMs, 'writing to the syslog server timed out', socket, (done) => {
        socket.write(frames, (error) => (error ? undefined : done()))
      })
      this.#lastWriteAt = performance.now()
    } catch (error) {
      // Close the connection: the failed write can have sent a part of a syslog frame. On the same connection the
      // receiver would read the next frame as the rest of that part.
      socket.destroy()
      throw new SinkFault(`syslog server ${host}:${port}: ${faultOf(error).message}`)
    }
  }
}

/**
 * Starts an operation on the syslog connection with `begin`, and waits until it calls `done`. Rejects when the socket
 * fails or closes, and after `limitMs`, then with the text `late` as message.
 */
function answer(limitMs: number, late: string, socket: TLSSocket, begin: (done: () => void) => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(() => reject(new Error(late)), limitMs)
  const closed = (): void => reject(new Error('the syslog server closed the connection'))
  socket.once('error', reject).once('close', closed)
  begin(resolve)
  return promise.finally(() => {
    clearTimeout(timer)
    socket.off('error', reject).off('close', closed)
  })
}

/** Audit sink `syslog`: a syslog receiver over TLS. */
export const syslog = sinkKind({
  type: 'syslog',
  schema,
  open: (entry, resources) =>
    new SyslogSink({
      ...entry.address,
      access: resources.access(undefined, entry.tls),
      timeoutMs: entry.timeout,
      resend: entry.resend,
    }),
})
