/** Maximum number of hosts whose URL is remembered after a match with a pattern. */
const REMEMBERED_MAX = 1024
const label = /^[a-z0-9_-]{1,63}$/

/** A public URL of the form `https://*.example.com`, without the label that `*` stands for. */
interface UrlPattern {
  /** Scheme of the URL with `://`, such as `https://`. */
  readonly start: string
  /** Part of the URL after the label that `*` stands for, such as `.example.com:8443`. */
  readonly rest: string
}

/**
 * The public URLs: origins under which clients reach the gate. Redirect URIs, resource metadata and the assertion's
 * issuer are built from the public URLs, never from an unlisted `Host`. A public URL can have `*` as its first label,
 * which stands for exactly one label of a requested host.
 */
export class PublicUrls {
  /** First public URL. Used for the assertion's `iss`, and when the requested host is not listed. */
  readonly primary: string
  /** Scheme of the first public URL. */
  readonly scheme: 'http' | 'https'
  /** Public URLs by host and port. @bound settings */
  readonly #byHost = new Map<string, string>()
  /** Public URLs by host, without the port. @bound settings */
  readonly #byName = new Map<string, string>()
  /** Public URLs with `*`, by the part of the host after `*.`, with the port if the URL has one. @bound settings */
  readonly #patterns = new Map<string, UrlPattern>()
  /** Public URLs with `*`, by the part of the host name after `*.`, without the port. @bound settings */
  readonly #patternsByName = new Map<string, UrlPattern>()
  /**
   * Public URL of requested hosts that matched a pattern.
   *
   * @bound {@link REMEMBERED_MAX} hosts | all are forgotten | none
   */
  readonly #remembered = new Map<string, string>()

  /** @param urls  absolute public URLs without a trailing slash; at least one, and the first is no pattern */
  constructor(urls: readonly string[]) {
    this.primary = urls[0]!
    this.scheme = this.primary.startsWith('https:') ? 'https' : 'http'
    for (const url of urls) this.#list(url)
  }

  #list(url: string): void {
    const { host, hostname, protocol } = new URL(url)
    // Add the host with its explicit default port, which means the same host (RFC 9110 §4.2.3) and which `URL` omits.
    const spelledOut = `${hostname}:${protocol === 'https:' ? 443 : 80}`
    const hosts = host === hostname ? [host, spelledOut] : [host]
    if (!hostname.startsWith('*.')) {
      for (const each of hosts) setOnce(this.#byHost, each, url)
      setOnce(this.#byName, hostname, url)
      return
    }
    const pattern = { start: `${protocol}//`, rest: host.slice(1) }
    for (const each of hosts) setOnce(this.#patterns, each.slice(2), pattern)
    setOnce(this.#patternsByName, hostname.slice(2), pattern)
  }

  /**
   * Returns the origin of the public URL with this host; `undefined` if the host is not listed.
   *
   * @param host  value of the `Host` field
   */
  originOf(host: string): string | undefined {
    const url = this.find(host)
    return url === undefined ? undefined : new URL(url).origin
  }

  /**
   * Adds the port of a public URL to a host that a proxy states without a port. Returns the host unchanged if it has a
   * port, is the host of a public URL, or no public URL has its name.
   */
  withPort(host: string): string {
    if (host.includes(':') || this.find(host) !== undefined) return host
    const named = this.forName(host.toLowerCase())
    return named === undefined ? host : new URL(named).host
  }

  /**
   * Returns the public URL with the requested host; the first public URL if the host is not listed.
   *
   * @param host  value of the `Host` field
   */
  forHost(host: string): string {
    return this.find(host) ?? this.primary
  }

  /**
   * Returns the public URL with this host name, whatever its port; `undefined` if no public URL has the name.
   *
   * @param name  host name in lower case, without a port. A name that starts with `*.` finds only a public URL with `*`
   */
  forName(name: string): string | undefined {
    const listed = this.#byName.get(name)
    if (listed !== undefined) return listed
    const pattern = this.#patternsByName.get(afterLabel(name))
    if (pattern === undefined) return undefined
    const first = name.slice(0, name.indexOf('.'))
    return first === '*' || label.test(first) ? `${pattern.start}${first}${pattern.rest}` : undefined
  }

  /**
   * Returns the public URL with the requested host; `undefined` if the host is not listed.
   *
   * @param host  value of the `Host` field
   */
  find(host: string): string | undefined {
    const listed = this.#byHost.get(host) ?? this.#remembered.get(host)
    if (listed !== undefined) return listed
    const lower = host.toLowerCase()
    return this.#byHost.get(lower) ?? (this.#patterns.size === 0 ? undefined : this.#matched(host, lower))
  }

  #matched(host: string, lower: string): string | undefined {
    const pattern = this.#patterns.get(afterLabel(lower))
    const first = lower.slice(0, lower.indexOf('.'))
    if (pattern === undefined || !label.test(first)) return undefined
    const url = `${pattern.start}${first}${pattern.rest}`
    // Forget all remembered hosts at the limit: clients choose the host, so the memory must be bounded.
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear()
    this.#remembered.set(Buffer.from(host, 'latin1').toString('latin1'), Buffer.from(url).toString())
    return url
  }
}

function setOnce<T>(map: Map<string, T>, key: string, value: T): void {
  if (!map.has(key)) map.set(key, value)
}

function afterLabel(host: string): string {
  return host.slice(host.indexOf('.') + 1)
}
