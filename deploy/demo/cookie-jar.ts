interface Cookie {
  readonly name: string
  readonly value: string
  readonly path: string
}

/** The cookies of one origin, as much of RFC 6265 as the issuer's need: name, value, path, and removal. */
export class CookieJar {
  readonly #cookies = new Map<string, Cookie>()

  /** Takes over what a response sets. */
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

  /** The value of the field Cookie for a path; empty when there is none. */
  fieldFor(pathname: string): string {
    return [...this.#cookies.values()]
      .filter(({ path }) => pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ')
  }
}
