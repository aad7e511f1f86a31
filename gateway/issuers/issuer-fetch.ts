import { lookup as systemLookup } from 'node:dns'
import type { CustomFetch } from 'openid-client'
import { Agent, fetch } from 'undici'
import { lookupBeyondLink } from '../base/link-local.ts'
import type { ClientCredentials } from './client-credentials.ts'
import { readIssuerUrl } from './issuer-url.ts'

const MAX_BYTES = 1024 * 1024

/** What openid-client calls an issuer by: as bounded, and as careful about addresses, as all other calls to issuers. */
export class IssuerFetch {
  readonly #agent: Agent

  constructor(credentials: ClientCredentials, connections: number) {
    const certificate =
      credentials.method === 'tls_client_auth' ? { cert: credentials.cert, key: credentials.key } : undefined
    this.#agent = new Agent({
      connect: { lookup: lookupBeyondLink(systemLookup), ...certificate },
      connections,
      allowH2: false,
      // A connection each: a call that may have been heard must not be sent a second time.
      pipelining: 0,
      maxResponseSize: MAX_BYTES,
    })
  }

  readonly fetch: CustomFetch = async (address, { method, headers, body, signal }) => {
    const url = readIssuerUrl(address, false)
    const reply = await fetch(url, {
      method,
      headers: { ...headers, 'accept-encoding': 'identity' },
      body: (body ?? null) as URLSearchParams | null,
      redirect: 'manual',
      signal: signal ?? null,
      dispatcher: this.#agent,
    })
    return reply as unknown as Response
  }

  /** Ends calls under way. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }
}
