import { type RawUpstream, rawUpstream } from '../kit/raw-upstream.ts'
import type { Wire } from '../kit/wire.ts'

const idleLimitMs = 120_000

export type Fields = readonly (readonly [name: string, value: string])[]

/**
 * A received request as Latin-1 text, without the parts that RFC 9112 lets every hop change: chunk boundaries and white
 * space.
 */
export interface ArrivedRequest {
  readonly line: string
  /** Field names in lower case with trimmed values, in the order of arrival. */
  readonly fields: Fields
  readonly chunked: boolean
  readonly body: string
}

/** A service over bare TCP that records the received requests and replies with prepared bytes. */
export class PreparedService {
  /** Reply to the next requests. */
  reply: Buffer = Buffer.alloc(0)
  /** Bytes of the reply before its body; they are the whole reply to HEAD. */
  replyHead: Buffer = Buffer.alloc(0)
  /** Whether the service closes the connection after the reply. */
  closes = false
  readonly arrived: ArrivedRequest[] = []
  #upstream: RawUpstream | undefined

  static async start(): Promise<PreparedService> {
    const service = new PreparedService()
    service.#upstream = await rawUpstream((wire) => service.#serve(wire))
    return service
  }

  get port(): number {
    return this.#upstream!.port
  }

  get url(): string {
    return this.#upstream!.url
  }

  /** Errors of received requests that violate RFC 9112. Tests expect none. */
  get failures(): readonly Error[] {
    return this.#upstream!.failures
  }

  async #serve(wire: Wire): Promise<void> {
    while (await wire.some(idleLimitMs)) {
      const request = await readRequest(wire)
      this.arrived.push(request)
      await wire.send(request.line.startsWith('HEAD ') ? this.replyHead : this.reply)
      if (this.closes) return
    }
  }
}

async function readRequest(wire: Wire): Promise<ArrivedRequest> {
  const head = (await wire.until('\r\n\r\n')).toString('latin1')
  const [line = '', ...lines] = head.slice(0, -4).split('\r\n')
  const fields = lines.map((one) => {
    const colon = one.indexOf(':')
    if (colon < 1) throw new Error(`not a field line: ${JSON.stringify(one)}`)
    return [one.slice(0, colon).toLowerCase(), one.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, '')] as const
  })
  const framing = fields.filter(([name]) => name === 'content-length' || name === 'transfer-encoding')
  if (framing.length > 1) throw new Error(`framed twice: ${JSON.stringify(head)}`)
  const [name, value = '0'] = framing[0] ?? []
  if (name === 'transfer-encoding') {
    if (value !== 'chunked') throw new Error(`Transfer-Encoding: ${value}`)
    return { line, fields, chunked: true, body: await readChunks(wire) }
  }
  if (!/^\d+$/.test(value)) throw new Error(`Content-Length: ${value}`)
  return { line, fields, chunked: false, body: (await wire.take(Number(value))).toString('latin1') }
}

async function readChunks(wire: Wire): Promise<string> {
  let body = ''
  for (;;) {
    const size = Number.parseInt((await wire.until('\r\n')).toString('latin1'), 16)
    const data = (await wire.take(size + 2)).toString('latin1')
    if (!data.endsWith('\r\n')) throw new Error(`no line end after a chunk of ${size} bytes`)
    if (size === 0) return body
    body += data.slice(0, size)
  }
}
