import { lookup as systemLookup } from 'node:dns'
import { Agent, type Dispatcher } from 'undici'
import { guardedLookup, type NameLookup } from '../base/guarded-lookup.ts'
import { readIssuerUrl } from './issuer-url.ts'

export interface IssuerHttpOptions {
  /** Maximum size of the body of an issuer's reply, bytes. A larger body is rejected. */
  readonly maxBytes: number
  /** Maximum number of concurrent connections to one origin of an issuer. Default: no limit. */
  readonly connections?: number
  /** Idle time after which a connection to an issuer is closed, ms. Default: each request opens its own connection. */
  readonly keepAliveMs?: number
  /** Client certificate and key of the gate for mutual TLS, as PEM text. */
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined
  /** Function that resolves host names. Default `dns.lookup`. */
  readonly lookup?: NameLookup
}

export interface IssuerRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | null
  readonly signal: AbortSignal | undefined
}

/** The gate rejects the body of an issuer's reply, because the body has a content coding or is too long. */
export class UnreadableReply extends Error {
  override readonly name = 'UnreadableReply'
}

/**
 * A reply whose body has not been read yet. The caller must either read the body with {@link bytes} or call {@link
 * discard}.
 */
export class IssuerReply {
  readonly status: number
  readonly #headers: Dispatcher.ResponseData['headers']
  readonly #body: Dispatcher.ResponseData['body']
  readonly #maxBytes: number

  constructor({ statusCode, headers, body }: Dispatcher.ResponseData, maxBytes: number) {
    this.status = statusCode
    this.#headers = headers
    this.#body = body
    this.#maxBytes = maxBytes
  }

  /** Returns the value of a header field of the reply; `''` if the reply does not have the field. */
  field(name: string): string {
    return String(this.#headers[name] ?? '')
  }

  /**
   * Reads the whole body of the issuer's reply. The body is never decompressed, so the size limit also limits the
   * memory.
   *
   * @throws {UnreadableReply} before any byte is read when the body has a content coding, or when the body becomes too
   *   long
   */
  async bytes(): Promise<Buffer> {
    const coding = this.field('content-encoding')
    if (coding !== '' && coding.toLowerCase() !== 'identity') {
      this.discard()
      throw new UnreadableReply(
        `the reply has content-encoding ${coding.slice(0, 40)}, but the request asked for identity; ` +
          'the issuer, or a proxy before it, must not compress its replies',
      )
    }
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of this.#body as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > this.#maxBytes) throw new UnreadableReply(`the reply is longer than ${this.#maxBytes} bytes`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  }

  /** Closes the connection to the issuer without reading the body of the reply. */
  discard(): void {
    this.#body.on('error', () => {}).destroy()
  }
}

/**
 * The HTTP client for all calls to issuers. It follows no redirects, accepts no content coding, limits the size of
 * reply bodies, and rejects connections to forbidden addresses, such as link-local ones.
 */
export class IssuerHttp {
  readonly #agent: Agent
  readonly #maxBytes: number

  constructor({ maxBytes, connections, keepAliveMs, certificate, lookup = systemLookup }: IssuerHttpOptions) {
    this.#maxBytes = maxBytes
    this.#agent = new Agent({
      // Verify server certificates explicitly, because NODE_TLS_REJECT_UNAUTHORIZED=0 changes the default.
      connect: { lookup: guardedLookup(lookup), rejectUnauthorized: true, ...certificate },
      allowH2: false,
      ...(connections !== undefined && { connections }),
      ...(keepAliveMs === undefined
        ? { pipelining: 0 }
        : { pipelining: 1, keepAliveTimeout: keepAliveMs, keepAliveMaxTimeout: keepAliveMs }),
    })
  }

  /**
   * Sends one request to an issuer. The body of the reply is not read yet.
   *
   * @throws {Error} when the URL is rejected or the issuer cannot be reached
   */
  async send(address: string, { method, headers, body, signal }: IssuerRequest): Promise<IssuerReply> {
    const url = readIssuerUrl(address)
    const reply = await this.#agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: method as Dispatcher.HttpMethod,
      headers: { ...headers, 'accept-encoding': 'identity' },
      body: body ?? null,
      ...(signal !== undefined && { signal }),
    })
    return new IssuerReply(reply, this.#maxBytes)
  }

  /** Cancels the requests to the issuer that are in progress. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }
}
