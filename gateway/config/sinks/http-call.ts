import { lookup as systemLookup } from 'node:dns'
import type { Agent } from 'undici'
import { guardedLookup } from '../../base/guarded-lookup.ts'
import { faultOf, SinkFault } from './sink.ts'
import type { SinkTls } from './sink-resources.ts'

export interface SinkReply {
  readonly status: number
  /** `Retry-After` of the receiver's reply, ms. At most 5 minutes; 0 when the field is absent or invalid. */
  readonly retryAfterMs: number
  readonly text: string
}

interface HttpCallOptions {
  readonly url: URL
  /** Header fields that are sent with every request. */
  readonly headers: Readonly<Record<string, string>>
  /**
   * Secrets in the request's header fields. If the receiver repeats one in its reply, the text `[withheld]` replaces
   * it.
   */
  readonly secrets: readonly string[]
  readonly tls: SinkTls
  readonly timeoutMs: number
}

/** Maximum size of a receiver's reply, bytes. Even the reply to the largest request of the gate is smaller. */
const REPLY_MAX_BYTES = 8 * 1024 * 1024
const RETRY_AFTER_MAX_MS = 5 * 60_000

/**
 * Sends POST requests to one receiver of audit records over a keep-alive connection. Follows no redirects and
 * decompresses no replies.
 */
export class SinkCall {
  readonly #options: Agent.Options
  readonly #url: URL
  readonly #headers: Readonly<Record<string, string>>
  readonly #secrets: readonly string[]
  readonly #timeoutMs: number
  #agent: Agent | undefined

  constructor({ url, headers, secrets, tls, timeoutMs }: HttpCallOptions) {
    this.#url = url
    this.#headers = headers
    this.#secrets = secrets
    this.#timeoutMs = timeoutMs
    this.#options = {
      connect: { ...tls, lookup: guardedLookup(systemLookup), timeout: timeoutMs },
      allowH2: false,
      connections: 1,
      pipelining: 1,
      // Node's HTTP server and many others close an idle connection after 5 s. Closing it earlier here avoids a write
      // to a closed connection.
      keepAliveTimeout: 4000,
      keepAliveMaxTimeout: 4000,
    }
  }

  /**
   * @throws {SinkFault} when no complete reply arrives within the time-out. The receiver can have stored the records
   * even so.
   */
  async post(headers: Readonly<Record<string, string>>, body: Buffer): Promise<SinkReply> {
    const { origin, pathname, search } = this.#url
    try {
      const signal = AbortSignal.timeout(this.#timeoutMs)
      // Import `undici` at the first request only: nodes and CLI commands read the settings of sinks, but send nothing
      // to sinks.
      const undici = await import('undici')
      this.#agent ??= new undici.Agent(this.#options)
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
        if (bytes > REPLY_MAX_BYTES) throw new Error(`the reply is larger than ${REPLY_MAX_BYTES} bytes`)
        chunks.push(chunk)
      }
      const text = this.#withheld(Buffer.concat(chunks).toString())
      return { status: reply.statusCode, retryAfterMs: readRetryAfter(reply.headers['retry-after']), text }
    } catch (error) {
      throw new SinkFault(`${origin}: ${faultOf(error).message}`)
    }
  }

  #withheld(text: string): string {
    return this.#secrets.reduce((said, secret) => said.replaceAll(secret, '[withheld]'), text)
  }

  /** Aborts running requests. */
  async close(): Promise<void> {
    await this.#agent?.destroy()
  }
}

/** Parses a `Retry-After` field into ms. The field has whole seconds or an HTTP date (RFC 9110 §10.2.3). */
function readRetryAfter(field: string | string[] | undefined): number {
  const text = String(field ?? '')
  const ms = /^\d{1,6}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), RETRY_AFTER_MAX_MS) : 0
}
