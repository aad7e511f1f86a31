import { lookup as systemLookup } from 'node:dns'
import { Agent, type Dispatcher } from 'undici'
import { lookupBeyondLink, type NameLookup } from '../base/link-local.ts'
import { readIssuerUrl } from './issuer-url.ts'

export interface IssuerClientOptions {
  /** Longest body that is read. Default 1 MiB. */
  readonly maxBytes?: number
  /** Default false: link-local addresses are refused, also when a name resolves to one. */
  readonly allowLinkLocal?: boolean
  /** How names are resolved. Default `dns.lookup`. */
  readonly lookup?: NameLookup
}

/** Fetches documents from issuers. Follows no redirect and decompresses nothing. */
export class IssuerClient {
  readonly #agent: Agent
  readonly #maxBytes: number
  readonly #allowLinkLocal: boolean

  constructor(options: IssuerClientOptions = {}) {
    const { maxBytes = 1024 * 1024, allowLinkLocal = false, lookup = systemLookup } = options
    this.#maxBytes = maxBytes
    this.#allowLinkLocal = allowLinkLocal
    this.#agent = new Agent({
      connect: { lookup: allowLinkLocal ? (lookup as typeof systemLookup) : lookupBeyondLink(lookup) },
      allowH2: false,
      // A connection each: requests are minutes apart, and a kept connection may be half dead by then.
      pipelining: 0,
    })
  }

  /**
   * @returns the JSON document; `undefined` where the issuer says that there is none (4xx)
   * @throws {Error} when the URL is refused, the issuer cannot be reached, or its answer is not 200 with JSON in size
   */
  async getJson(address: string, signal: AbortSignal): Promise<unknown> {
    const url = readIssuerUrl(address, this.#allowLinkLocal)
    try {
      const reply = await this.#agent.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: 'GET',
        headers: { accept: 'application/json', 'accept-encoding': 'identity' },
        signal,
      })
      return await this.#read(reply)
    } catch (error) {
      throw new Error(`GET ${url.origin}${url.pathname}: ${reasonOf(error)}`, { cause: error })
    }
  }

  async #read({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<unknown> {
    const encoding = headers['content-encoding'] ?? 'identity'
    if (statusCode !== 200 || encoding !== 'identity') {
      // The rest is not wanted, and its end as an error is no news.
      body.on('error', () => {}).destroy()
      if (statusCode >= 400 && statusCode < 500) return undefined
      throw new Error(statusCode === 200 ? `content-encoding ${encoding}, not asked for` : `status ${statusCode}`)
    }
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > this.#maxBytes) throw new Error(`longer than ${this.#maxBytes} bytes`)
      chunks.push(chunk)
    }
    try {
      return JSON.parse(Buffer.concat(chunks).toString()) as unknown
    } catch {
      throw new Error('not JSON')
    }
  }

  /** Ends requests under way. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }
}

/** Several failed addresses of one name come as an error without a message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}
