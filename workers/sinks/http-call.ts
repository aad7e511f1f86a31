import { lookup as systemLookup } from 'node:dns'
import { Agent } from 'undici'
import { guardedLookup } from '../../gateway/base/guarded-lookup.ts'
import { faultOf, SinkFault } from './sink.ts'

/** PEM texts, and the name that the certificate must have. */
export interface SinkTls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly servername?: string
}

export interface HttpReply {
  readonly status: number
  /** So long the receiver wants to be left alone, ms. */
  readonly restMs: number
  readonly text: string
}

interface HttpCallOptions {
  readonly url: URL
  /** Sent each time. */
  readonly headers: Readonly<Record<string, string>>
  /** What of the headers must not be seen, not even where the receiver repeats it. */
  readonly secrets: readonly string[]
  readonly tls: SinkTls
  readonly timeoutMs: number
}

/** An answer about the most records of one request is smaller. */
const REPLY_MAX_BYTES = 8 * 1024 * 1024
const REST_MAX_MS = 5 * 60_000

/** Posts to one receiver over connections that are kept. Follows no redirect and decompresses nothing. */
export class HttpCall {
  readonly #agent: Agent
  readonly #url: URL
  readonly #headers: Readonly<Record<string, string>>
  readonly #secrets: readonly string[]
  readonly #timeoutMs: number

  constructor({ url, headers, secrets, tls, timeoutMs }: HttpCallOptions) {
    this.#url = url
    this.#headers = headers
    this.#secrets = secrets
    this.#timeoutMs = timeoutMs
    this.#agent = new Agent({
      connect: { ...tls, lookup: guardedLookup(systemLookup), timeout: timeoutMs },
      allowH2: false,
      connections: 1,
      pipelining: 1,
      // Less than the five seconds after which Node's own servers, and many others, close a connection.
      keepAliveTimeout: 4000,
      keepAliveMaxTimeout: 4000,
    })
  }

  /** @throws {SinkFault} when there was no whole answer in time. The request may have been carried out. */
  async post(headers: Readonly<Record<string, string>>, body: Buffer): Promise<HttpReply> {
    const { origin, pathname, search } = this.#url
    try {
      const signal = AbortSignal.timeout(this.#timeoutMs)
      const reply = await this.#agent.request({
        origin,
        path: pathname + search,
        method: 'POST',
        headers: { ...this.#headers, ...headers, 'accept-encoding': 'identity' },
        body,
        signal,
      })
      let bytes = 0
      const chunks: Buffer[] = []
      for await (const chunk of reply.body as AsyncIterable<Buffer>) {
        bytes += chunk.length
        if (bytes > REPLY_MAX_BYTES) throw new Error(`answered with more than ${REPLY_MAX_BYTES} bytes`)
        chunks.push(chunk)
      }
      const text = this.#withheld(Buffer.concat(chunks).toString())
      return { status: reply.statusCode, restMs: restMs(reply.headers['retry-after']), text }
    } catch (error) {
      throw new SinkFault(`${origin}: ${faultOf(error).message}`)
    }
  }

  #withheld(text: string): string {
    return this.#secrets.reduce((said, secret) => said.replaceAll(secret, '[withheld]'), text)
  }

  /** Ends calls under way. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }
}

/** RFC 9110 §10.2.3: whole seconds, or a date. */
function restMs(field: string | string[] | undefined): number {
  const text = String(field ?? '')
  const ms = /^\d{1,6}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), REST_MAX_MS) : 0
}
