interface Cookie {
  readonly name: string
  readonly value: string
  readonly path: string
}

/**
 * Cookies of one origin. Supports only the part of RFC 6265 that the demo issuer uses: name, value, path and removal.
 */
export class CookieJar {
  readonly #cookies = new Map<string, Cookie>()

  /** Stores the cookies of a response. @param fields  values of its `Set-Cookie` fields */
  store(fields: readonly string[]): void {
    for (const field of fields) {
      const [pair = '', ...attributes] = field.split(';').map((part) => part.trim())
      const name = pair.slice(0, pair.indexOf('='))
      const value = pair.slice(name.length + 1)
      const attribute = (wanted: string) =>
        attributes.find((text) => text.toLowerCase().startsWith(`${wanted}=`))?.slice(wanted.length + 1)
      const path = attribute('path') ?? '/'
      const expires = attribute('expires')
      if (expires !== undefined && Date.parse(expires) <= Date.now()) this.#cookies.delete(`${path} ${name}`)
      else this.#cookies.set(`${path} ${name}`, { name, value, path })
    }
  }

  /** Returns the value of the `Cookie` field for a path; empty when no cookie matches. */
  fieldFor(pathname: string): string {
    return [...this.#cookies.values()]
      .filter(({ path }) => pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ')
  }
}
