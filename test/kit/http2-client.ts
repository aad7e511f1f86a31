import { type ClientHttp2Session, connect } from 'node:http2'
import { connect as tcpConnect } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import { atEnd } from './cleanup.ts'
import { within } from './deadline.ts'
import { defaultLimitMs } from './wire.ts'

interface ClientOptions {
  readonly port: number
  /** Certificate that the client trusts, in PEM. */
  readonly certificate: string
  /** Server name in the certificate. */
  readonly name: string
  /** Source address of the client, in 127.0.0.0/8. */
  readonly from: string
}

export interface Http2Reply {
  readonly status: number
  readonly text: string
}

/**
 * An HTTP/2 client over TLS with one connection for all requests. The connection is closed after the last test of the
 * file.
 */
export class Http2Client {
  readonly #options: ClientOptions
  #session: ClientHttp2Session | undefined

  constructor(options: ClientOptions) {
    this.#options = options
    atEnd(() => this.#session?.destroy())
  }

  /** Protocol that ALPN selected on the current connection. */
  get protocol(): string | undefined {
    return this.#session?.alpnProtocol
  }

  /**
   * Sends a GET request. Opens a new connection only after a GOAWAY of the server or when the last connection was
   * closed between two requests. A sent request without a reply is an error.
   */
  async get(path: string, fields: Readonly<Record<string, string>> = {}): Promise<Http2Reply> {
    const stream = this.#open().request({ ':path': path, ...fields })
    const reply = new Promise<Http2Reply>((resolve, reject) => {
      let [status, text] = [0, '']
      stream.setEncoding('utf8')
      stream.on('response', (head) => {
        status = head[':status'] ?? 0
      })
      stream.on('data', (chunk: string) => {
        text += chunk
      })
      stream.on('error', reject)
      stream.on('close', () => (status === 0 ? reject(new Error('no reply')) : resolve({ status, text })))
    })
    stream.end()
    return within(defaultLimitMs, `the reply to ${path}`, reply)
  }

  #open(): ClientHttp2Session {
    const usable = this.#session
    if (usable !== undefined && !usable.closed && !usable.destroyed) return usable
    const { port, certificate, name, from } = this.#options
    const session = connect(`https://${name}:${port}`, {
      createConnection: () =>
        tlsConnect({
          socket: tcpConnect({ host: '127.0.0.1', port, localAddress: from }),
          servername: name,
          ca: certificate,
          ALPNProtocols: ['h2'],
        }),
    })
    // Each request on the connection reports the error too.
    session.on('error', () => {})
    this.#session = session
    return session
  }
}
