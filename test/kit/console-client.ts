import { request, requestBytes } from './raw-client.ts'
import type { RawReply } from './raw-reply.ts'

/** Fields that a browser sends with a call of a page of the console. */
export const fromConsole = [
  ['Sec-Fetch-Site', 'same-origin'],
  ['X-Gatehouse-Console', '1'],
] as const

type Field = readonly [name: string, value: string]

interface ConsoleRequest {
  readonly method?: string
  readonly target: string
  readonly token?: string
  readonly host?: string
  /** Fields of the request. Default: those of a page of the console. */
  readonly fields?: readonly Field[]
  readonly document?: object
  /** Source address of the client, in 127.0.0.0/8. */
  readonly from?: string
}

/** A browser at the console of one node, without scripts: it keeps the cookies that the admin plane sets. */
export class ConsoleClient {
  readonly #port: number
  readonly #host: string
  /** Cookies by name. */
  readonly cookies = new Map<string, string>()

  /** @param host  value of the field `Host`; default `127.0.0.1:PORT` */
  constructor(port: number, host = `127.0.0.1:${port}`) {
    this.#port = port
    this.#host = host
  }

  /** Sends a request with the cookies, and keeps those that the reply sets. */
  async call({
    target,
    fields = fromConsole,
    method = 'GET',
    document,
    from,
    ...rest
  }: ConsoleRequest): Promise<RawReply> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const all: Field[] = [...fields]
    if (cookie !== '') all.push(['Cookie', cookie])
    if (document !== undefined) all.push(['Content-Type', 'application/json'])
    const bytes = requestBytes({
      host: this.#host,
      ...rest,
      method,
      target,
      fields: all,
      ...(document !== undefined && { body: JSON.stringify(document) }),
    })
    const reply = await request(this.#port, bytes, from === undefined ? {} : { from })
    for (const line of reply.all('set-cookie')) this.#keep(line)
    return reply
  }

  logIn(token: string): Promise<RawReply> {
    return this.call({ method: 'POST', target: '/console/session', document: { token } })
  }

  session(): Promise<RawReply> {
    return this.call({ target: '/console/session' })
  }

  logOut(): Promise<RawReply> {
    return this.call({ method: 'POST', target: '/console/logout' })
  }

  #keep(line: string): void {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!
    if (/; Max-Age=0/i.test(line)) this.cookies.delete(name!)
    else this.cookies.set(name!, value!)
  }
}

/** Code of the problem document of a reply. */
export function problemCode(reply: RawReply): unknown {
  return (reply.json() as { code?: unknown }).code
}
