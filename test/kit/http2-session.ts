import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2'
import type { Socket } from 'node:net'
import { atEnd } from './cleanup.ts'
import { within } from './deadline.ts'
import { defaultLimitMs } from './wire.ts'

export interface SessionReply {
  readonly status: number
  /** Fields of the reply as on the wire, alternating names and values, pseudo-header fields included. */
  readonly list: readonly string[]
  readonly body: Buffer
  /** Trailer fields, alternating names and values. */
  readonly trailers: readonly string[]
  /** Code of RST_STREAM; 0 when the stream ended normally. */
  readonly code: number
  /** First value of a reply field. */
  field(name: string): string | undefined
  json(): unknown
}

/** A request of the client that is in progress. */
export interface SentRequest {
  readonly stream: ClientHttp2Stream
  /** Resolves when the stream has ended, in any way. */
  readonly reply: Promise<SessionReply>
}

interface ClientOptions {
  readonly cert?: string
  readonly key?: string
  readonly socket?: Socket
}

/** An HTTP/2 client with one connection, with prior knowledge (h2c) or over TLS. */
export class Http2Session {
  readonly session: ClientHttp2Session
  readonly goaways: { readonly code: number; readonly lastStream: number }[] = []
  readonly closed: Promise<void>

  /**
   * @param tls       server name; the client accepts any certificate. Without: h2c
   * @param identity  certificate of the client and its key, in PEM, and the connection to use; default: a new one
   */
  constructor(port: number, tls?: string, identity: ClientOptions = {}) {
    const at = `127.0.0.1:${port}`
    this.session =
      tls === undefined
        ? connect(`http://${at}`)
        : connect(`https://${at}`, { servername: tls, rejectUnauthorized: false, ...identity })
    this.session.on('error', () => {})
    this.session.on('goaway', (code, lastStream) => this.goaways.push({ code, lastStream }))
    this.closed = new Promise((resolve) => this.session.once('close', () => resolve()))
    atEnd(() => this.session.destroy())
  }

  /**
   * Sends a request.
   *
   * @param head  fields; default GET, and `:authority` api.test
   * @param body      bytes of the body; `'open'` to write the body later; `undefined` for none
   * @param trailers  trailers behind the body
   */
  send(
    head: Readonly<Record<string, string | string[]>>,
    body?: Buffer | string | 'open',
    trailers?: OutgoingHttpHeaders,
  ): SentRequest {
    const fields = { ':method': 'GET', ':authority': 'api.test', ...head }
    const options = { endStream: body === undefined, waitForTrailers: trailers !== undefined }
    const stream = this.session.request(fields, options)
    if (trailers !== undefined) stream.on('wantTrailers', () => stream.sendTrailers(trailers))
    if (body !== undefined && body !== 'open') stream.end(body)
    return { stream, reply: readReply(stream) }
  }

  async get(path: string, fields: Readonly<Record<string, string | string[]>> = {}): Promise<SessionReply> {
    return within(defaultLimitMs, `the reply to ${path}`, this.send({ ':path': path, ...fields }).reply)
  }

  async post(
    path: string,
    body: Buffer | string,
    fields: Readonly<Record<string, string>> = {},
  ): Promise<SessionReply> {
    const { reply } = this.send({ ':method': 'POST', ':path': path, ...fields }, body)
    return within(defaultLimitMs, `the reply to ${path}`, reply)
  }
}

function readReply(stream: ClientHttp2Stream): Promise<SessionReply> {
  return new Promise((resolve) => {
    let status = 0
    let list: readonly string[] = []
    let trailers: readonly string[] = []
    const chunks: Buffer[] = []
    stream.on('response', (head, _, raw: readonly string[]) => {
      status = head[':status'] ?? 0
      list = raw
    })
    stream.on('trailers', (_, __, raw: readonly string[]) => {
      trailers = raw
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', () => {})
    stream.on('close', () => {
      const body = Buffer.concat(chunks)
      const field = (name: string) => list[list.findIndex((each, i) => i % 2 === 0 && each === name) + 1]
      resolve({
        status,
        list,
        body,
        trailers,
        code: stream.rstCode,
        field: (name) => (list.some((each, i) => i % 2 === 0 && each === name) ? field(name) : undefined),
        json: () => JSON.parse(body.toString()),
      })
    })
  })
}
