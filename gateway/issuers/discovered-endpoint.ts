import { performance } from 'node:perf_hooks'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { discover } from './discovery.ts'
import type { IssuerClient } from './issuer-client.ts'
import { readMetadataUrl } from './issuer-url.ts'

/** Time for which the discovered URL of an issuer's endpoint is used before its next look-up, ms: 10 minutes. */
const METADATA_MS = 10 * 60_000

export interface DiscoveredEndpointOptions {
  /** Fetches the metadata of the issuer. */
  readonly client: IssuerClient
  readonly rules: IssuerRules
  /** Name of the metadata member that contains the URL of the endpoint, such as `token_endpoint` (RFC 8414 §2). */
  readonly member: string
  /** End of the error message when the metadata has no usable URL: what an operator can do instead. */
  readonly remedy: string
}

/**
 * URL of one endpoint of an issuer, from the issuer's metadata. While the metadata is unavailable, the last known URL
 * is used.
 */
export class DiscoveredEndpoint {
  readonly #options: DiscoveredEndpointOptions
  /** The discovered URL of the endpoint, and the monotonic time (ms) of its next look-up. */
  #known: { readonly url: string; untilMs: number } | undefined

  constructor(options: DiscoveredEndpointOptions) {
    this.#options = options
  }

  /**
   * Returns the URL of the endpoint, at most `METADATA_MS` old while the metadata is available.
   *
   * @param mutualTls  true when the gate authenticates with a TLS certificate: the endpoint's mTLS alias is then
   *   preferred (RFC 8705 §5)
   * @throws {Error} as a rejection, when no URL is known yet and the metadata is unavailable or has no usable URL
   */
  async url(mutualTls: boolean, signal: AbortSignal): Promise<string> {
    const known = this.#known
    if (known !== undefined && performance.now() < known.untilMs) return known.url
    let url = known?.url
    try {
      url = await this.#discover(mutualTls, signal)
    } catch (error) {
      if (url === undefined) throw error
    }
    this.#known = { url, untilMs: performance.now() + METADATA_MS }
    return url
  }

  /** Makes the next call of {@link url} fetch the metadata again. */
  expire(): void {
    if (this.#known !== undefined) this.#known.untilMs = 0
  }

  async #discover(mutualTls: boolean, signal: AbortSignal): Promise<string> {
    const { client, rules, member, remedy } = this.#options
    const metadata = await discover(client, rules, signal)
    const aliases = (metadata['mtls_endpoint_aliases'] ?? {}) as Readonly<Record<string, unknown>>
    const url = (mutualTls ? aliases[member] : undefined) ?? metadata[member]
    if (typeof url !== 'string') throw new Error(`the issuer metadata has no ${member}${remedy}`)
    return readMetadataUrl(url, member, rules.issuer, remedy).href
  }
}
