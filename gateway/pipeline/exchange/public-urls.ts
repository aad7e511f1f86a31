/**
 * The public URLs: origins, with an optional base path, under which clients reach the gate. Redirect URIs, resource
 * metadata and the assertion's issuer are built from the public URLs, never from an unlisted `Host`.
 */
export class PublicUrls {
  /** First public URL. Used for the assertion's `iss`, and when the requested host is not listed. */
  readonly primary: string
  /** Scheme of the first public URL. */
  readonly scheme: 'http' | 'https'
  readonly #byHost = new Map<string, string>()

  /** @param urls  absolute public URLs without a trailing slash; at least one */
  constructor(urls: readonly string[]) {
    this.primary = urls[0]!
    this.scheme = this.primary.startsWith('https:') ? 'https' : 'http'
    for (const url of urls) {
      const { host, hostname, protocol } = new URL(url)
      // An explicit default port means the same host (RFC 9110 §4.2.3); `URL` omits it.
      const spelledOut = `${hostname}:${protocol === 'https:' ? 443 : 80}`
      for (const name of host === hostname ? [host, spelledOut] : [host]) {
        if (!this.#byHost.has(name)) this.#byHost.set(name, url)
      }
    }
  }

  /**
   * Origin of the public URL with this host; `undefined` if the host is not listed.
   *
   * @param host  value of the `Host` field
   */
  originOf(host: string): string | undefined {
    const url = this.#byHost.get(host) ?? this.#byHost.get(host.toLowerCase())
    return url === undefined ? undefined : new URL(url).origin
  }

  /**
   * Public URL with the requested host; the first public URL if the host is not listed.
   *
   * @param host  value of the `Host` field
   */
  forHost(host: string): string {
    return this.#byHost.get(host) ?? this.#byHost.get(host.toLowerCase()) ?? this.primary
  }
}
