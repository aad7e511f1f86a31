import { lookup as systemLookup } from 'node:dns'
import type { Agent } from 'undici'
import { guardedLookup } from '../../base/guarded-lookup.ts'
import { isTlsAlert } from '../../base/tls-alert.ts'
import { faultOf, SinkFault } from './sink.ts'
import type { SinkAccess, SinkCredential, SinkTls } from './sink-access.ts'

export interface SinkReply {
  readonly status: number
  /** `Retry-After` in the reply of an audit receiver, ms. At most 5 minutes; 0 when the field is absent or invalid. */
  readonly retryAfterMs: number
  readonly text: string
}

interface HttpCallOptions {
  readonly url: URL
  readonly access: SinkAccess
  readonly timeoutMs: number
}

/**
 * Maximum size of the reply of an audit receiver, bytes. Even the reply to the largest request of the gate is smaller.
 */
const REPLY_MAX_BYTES = 8 * 1024 * 1024
/** Longest pause that an audit receiver can demand by `Retry-After`, ms. */
export const RETRY_AFTER_MAX_MS = 5 * 60_000

/**
 * Error codes for a connection that an audit receiver closed. Some receivers close the connection to refuse a client
 * certificate.
 */
const closedCodes = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

/**
 * Sends POST requests to one receiver of audit records over a keep-alive connection. Follows no redirects and
 * decompresses no replies. When the receiver refuses the credentials and the worker knows other credentials, the
 * request is sent again once with them.
 */
export class SinkCall {
  readonly #url: URL
  readonly #access: SinkAccess
  readonly #timeoutMs: number
  #opened: { readonly agent: Agent; readonly tls: string } | undefined

  constructor({ url, access, timeoutMs }: HttpCallOptions) {
    this.#url = url
    this.#access = access
    this.#timeoutMs = timeoutMs
  }

  /**
   * Sends one request to the audit receiver.
   *
   * @throws {SinkFault} when no complete reply arrives within the time-out. The receiver may have stored the records
   *   nevertheless.
   */
  async post(headers: Readonly<Record<string, string>>, body: Buffer): Promise<SinkReply> {
    const shown = this.#access.presented
    try {
      const reply = await this.#send(shown, headers, body)
      if (!isRefusal(reply, shown) || !this.#access.refused(shown)) return reply
    } catch (error) {
      if (!mayBeRefusal(error, shown) || !this.#access.refused(shown)) throw this.#faultOf(error)
    }
    try {
      return await this.#send(this.#access.presented, headers, body)
    } catch (error) {
      throw this.#faultOf(error)
    }
  }

  async #send(shown: SinkCredential, headers: Readonly<Record<string, string>>, body: Buffer): Promise<SinkReply> {
    const { origin, pathname, search } = this.#url
    const signal = AbortSignal.timeout(this.#timeoutMs)
    const agent = await this.#agentFor(this.#access.tls(shown))
    const reply = await agent.request({
      origin,
      path: pathname + search,
      method: 'POST',
      headers: { ...shown.headers, ...headers, 'accept-encoding': 'identity' },
      body,
      signal,
    })
    let bytes = 0
    const chunks: Buffer[] = []
    for await (const chunk of reply.body as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > REPLY_MAX_BYTES)
        throw new Error(`the reply of the audit receiver is larger than ${REPLY_MAX_BYTES} bytes`)
      chunks.push(chunk)
    }
    const text = withheld(Buffer.concat(chunks).toString(), shown.secrets)
    return { status: reply.statusCode, retryAfterMs: readRetryAfter(reply.headers['retry-after']), text }
  }

  /**
   * Returns the agent (pool of connections to the audit receiver) with these TLS options. When the options have
   * changed, opens a new agent.
   */
  async #agentFor(tls: SinkTls): Promise<Agent> {
    const wanted = JSON.stringify(tls)
    if (this.#opened?.tls === wanted) return this.#opened.agent
    // Import `undici` at the first request only: nodes and CLI commands read the settings of sinks, but send nothing
    // to sinks.
    const undici = await import('undici')
    const agent = new undici.Agent({
      connect: { ...tls, lookup: guardedLookup(systemLookup), timeout: this.#timeoutMs },
      allowH2: false,
      connections: 1,
      pipelining: 1,
      // Close an idle connection to the audit receiver before 5 s, after which Node's HTTP server and many others close
      // it: a write to a closed connection would fail.
      keepAliveTimeout: 4000,
      keepAliveMaxTimeout: 4000,
    })
    // Do not wait for the old agent: it closes after its requests in progress.
    void this.#opened?.agent.close().catch(() => {})
    this.#opened = { agent, tls: wanted }
    return agent
  }

  #faultOf(error: unknown): SinkFault {
    return new SinkFault(`audit receiver ${this.#url.origin}: ${faultOf(error).message}`)
  }

  /** Aborts the requests to the audit receiver that are in progress. */
  async close(): Promise<void> {
    await this.#opened?.agent.destroy()
  }
}

/**
 * Whether an audit receiver refuses the credentials of the worker. nginx replies with status 400 to a client
 * certificate that it does not accept.
 */
function isRefusal({ status, text }: SinkReply, { cert }: SinkCredential): boolean {
  return status === 401 || status === 403 || (status === 400 && cert !== undefined && /SSL certificate/i.test(text))
}

function mayBeRefusal(error: unknown, { cert }: SinkCredential): boolean {
  const { code } = error as { readonly code?: unknown }
  return isTlsAlert(error) || (cert !== undefined && closedCodes.has(String(code)))
}

/** Replaces secrets in the reply text of an audit receiver, because a receiver may repeat them. */
function withheld(text: string, secrets: readonly string[]): string {
  return secrets.reduce((said, secret) => said.replaceAll(secret, '[withheld]'), text)
}

/** Parses a `Retry-After` field into ms. The field has whole seconds or an HTTP date (RFC 9110 §10.2.3). */
function readRetryAfter(field: string | string[] | undefined): number {
  const text = String(field ?? '')
  const ms = /^\d{1,6}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), RETRY_AFTER_MAX_MS) : 0
}
