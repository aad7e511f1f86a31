/**
 * The origins (with an optional base path) under which clients reach the gate. What goes to clients is built from
 * these, never from a `Host` that is not listed (CONTRACT: redirect URIs, resource metadata, the assertion's issuer).
 */
export class PublicUrls {
  /** The first listed: the assertion's `iss`, and where no listed host was asked for. */
  readonly primary: string
  /** Of the first listed. */
  readonly scheme: 'http' | 'https'
  readonly #byHost = new Map<string, string>()

  /** @param urls  absolute, without a final slash; at least one */
  constructor(urls: readonly string[]) {
    this.primary = urls[0]!
    this.scheme = this.primary.startsWith('https:') ? 'https' : 'http'
    for (const url of urls) {
      const { host, hostname, protocol } = new URL(url)
      // With its default port spelled out it is the same host (RFC 9110 §4.2.3); `URL` leaves that out.
      const spelledOut = `${hostname}:${protocol === 'https:' ? 443 : 80}`
      for (const name of host === hostname ? [host, spelledOut] : [host]) {
        if (!this.#byHost.has(name)) this.#byHost.set(name, url)
      }
    }
  }

  /** @param host  the value of `Host` */
  forHost(host: string): string {
    return this.#byHost.get(host) ?? this.#byHost.get(host.toLowerCase()) ?? this.primary
  }
}
