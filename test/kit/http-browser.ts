import { request } from 'undici'
import { defaultLimitMs } from './wire.ts'

interface Cookie {
  readonly host: string
  readonly name: string
  readonly value: string
  readonly path: string
}

export interface Page {
  readonly url: string
  readonly status: number
  /** Returns the value of a header field that occurs once. */
  readonly field: (name: string) => string | undefined
  readonly body: string
}

interface VisitOptions {
  readonly method?: string
  readonly form?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** Number of redirects to follow. Default: all, at most 20. */
  readonly redirects?: number
}

const REDIRECTS_MAX = 20
const LOOPBACK = '127.0.0.1'

/** URL to which the browser connects: names below `localhost` are this machine (RFC 6761 §6.3). */
function connectedUrl(url: string): URL {
  const connected = new URL(url)
  if (isBelowLocalhost(url)) connected.hostname = LOOPBACK
  return connected
}

function isBelowLocalhost(url: string): boolean {
  return new URL(url).hostname.endsWith('.localhost')
}

/** A minimal browser for logins: stores cookies, follows redirects and submits forms. It runs no scripts. */
export class HttpBrowser {
  /** Cookies by `host path name`. The key has no port: cookies do not distinguish ports (RFC 6265 §8.5). */
  readonly #cookies = new Map<string, Cookie>()

  get cookies(): readonly Cookie[] {
    return [...this.#cookies.values()]
  }

  /** Value of the session cookie of a gate on loopback. */
  get session(): string | undefined {
    return this.sessionAt(LOOPBACK)
  }

  /** Value of the session cookie that a gate on loopback has set for a host. */
  sessionAt(host: string): string | undefined {
    return this.cookies.find((each) => each.host === host && each.name === 'gatehouse-loopback')?.value
  }

  set session(value: string) {
    this.keep(`gatehouse-loopback=${value}; Path=/`)
  }

  /** Stores a cookie. @param line  value of a `Set-Cookie` field */
  keep(line: string, host = LOOPBACK): void {
    this.#store(line, host)
  }

  /** Cookies that the gate has set, each as `name=value`. */
  get gateCookies(): string[] {
    return this.cookies.filter(({ name }) => name.includes('gatehouse')).map(({ name, value }) => `${name}=${value}`)
  }

  async visit(url: string, options: VisitOptions = {}): Promise<Page> {
    let { method = options.form === undefined ? 'GET' : 'POST' } = options
    let body = options.form && new URLSearchParams(options.form)
    let at = url
    for (let left = options.redirects ?? REDIRECTS_MAX; ; left--) {
      // `request` of undici, because `fetch` would set some header fields itself, such as `sec-fetch-mode`.
      const {
        statusCode,
        headers,
        body: reply,
      } = await request(connectedUrl(at), {
        method: method as 'GET',
        body: body?.toString() ?? null,
        headers: {
          accept: 'text/html',
          'sec-fetch-mode': 'navigate',
          ...(isBelowLocalhost(at) && { host: new URL(at).host }),
          cookie: this.#field(at),
          ...(body && { 'content-type': 'application/x-www-form-urlencoded' }),
          ...options.headers,
        },
        signal: AbortSignal.timeout(defaultLimitMs),
      })
      for (const line of [headers['set-cookie'] ?? []].flat()) this.#store(line, new URL(at).hostname)
      const text = await reply.text()
      const field = (name: string) => headers[name]?.toString()
      const location = field('location')
      if (location === undefined || left === 0) return { url: at, status: statusCode, field, body: text }
      at = new URL(location, at).href
      method = 'GET'
      body = undefined
    }
  }

  /** Submits the form on `page` with its own values, overridden by `fields`. */
  submit(page: Page, fields: Readonly<Record<string, string>>, options: VisitOptions = {}): Promise<Page> {
    const action = /<form[^>]*action="([^"]*)"/.exec(page.body)?.[1]
    const hidden = [...page.body.matchAll(/<input[^>]*name="([^"]*)"[^>]*value="([^"]*)"/g)]
    const form = { ...Object.fromEntries(hidden.map(([, name, value]) => [name!, value!])), ...fields }
    const origin = new URL(page.url).origin
    return this.visit(new URL(action ?? '', page.url).href, {
      ...options,
      form,
      headers: { origin, 'sec-fetch-site': 'same-origin', ...options.headers },
    })
  }

  #field(url: string): string {
    const { pathname, hostname } = new URL(url)
    const fitting = this.cookies.filter(
      ({ host, path }) => host === hostname && (pathname === path || pathname.startsWith(path.replace(/\/?$/, '/'))),
    )
    return fitting.map(({ name, value }) => `${name}=${value}`).join('; ')
  }

  #store(line: string, host: string): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
    const name = pair.slice(0, pair.indexOf('='))
    const value = pair.slice(name.length + 1)
    const attribute = (wanted: string) =>
      attributes.find((text) => text.toLowerCase().startsWith(`${wanted}=`))?.slice(wanted.length + 1)
    const path = attribute('path') ?? '/'
    const expires = attribute('expires')
    const over = attribute('max-age') === '0' || (expires !== undefined && Date.parse(expires) <= Date.now())
    const key = `${host} ${path} ${name}`
    if (over) this.#cookies.delete(key)
    else this.#cookies.set(key, { host, name, value, path })
  }
}
