import type { Wire } from './wire.ts'

export type Framing = 'none' | 'length' | 'chunked' | 'close'

/** A reply, parsed strictly: a violation of RFC 9112 is an error that shows the bytes. */
export class RawReply {
  readonly status: number
  readonly reason: string
  /** Header fields in order, with their names as sent. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly framing: Framing
  readonly body: Buffer
  /** False when the connection ended before the end of the body. */
  readonly complete: boolean
  /** Status codes of the interim replies (1xx) before this reply. */
  readonly interim: readonly number[]

  constructor(head: ReplyHead, framing: Framing, body: Body, interim: readonly number[]) {
    this.status = head.status
    this.reason = head.reason
    this.fields = head.fields
    this.framing = framing
    this.body = body.bytes
    this.complete = body.complete
    this.interim = interim
  }

  /** Returns all values of a header field, in order. */
  all(name: string): string[] {
    return valuesOf(this.fields, name)
  }

  /** Returns the value of a header field; `undefined` when it is absent, an error when it occurs twice. */
  field(name: string): string | undefined {
    const values = this.all(name)
    if (values.length > 1) throw new Error(`the reply has ${values.length} fields ${name}`)
    return values[0]
  }

  get text(): string {
    return this.body.toString('utf8')
  }

  json(): unknown {
    return JSON.parse(this.text)
  }
}

interface ReplyHead {
  readonly status: number
  readonly reason: string
  readonly fields: readonly (readonly [string, string])[]
}

interface Body {
  readonly bytes: Buffer
  readonly complete: boolean
}

interface ReplyOptions {
  /** True for a HEAD request: the reply has no body, whatever its header fields say (RFC 9112 §6.3). */
  readonly head?: boolean
  readonly limitMs?: number
}

/**
 * Reads the next final reply of a connection.
 *
 * @returns `undefined` when the connection ended before the first byte of a reply
 */
export async function readReply(
  wire: Wire,
  { head = false, limitMs }: ReplyOptions = {},
): Promise<RawReply | undefined> {
  const interim: number[] = []
  for (;;) {
    if (!(await wire.some(limitMs))) return undefined
    const parsed = parseHead((await wire.until('\r\n\r\n', limitMs)).toString('latin1'))
    if (parsed.status < 200 && parsed.status !== 101) {
      interim.push(parsed.status)
      continue
    }
    const framing = framingOf(parsed, head)
    return new RawReply(parsed, framing, await readBody(wire, parsed, framing, limitMs), interim)
  }
}

function parseHead(text: string): ReplyHead {
  const fail = (why: string) => new Error(`${why}: ${JSON.stringify(text.slice(0, 2000))}`)
  if (!text.endsWith('\r\n\r\n')) throw fail('the reply broke off in its head')
  const [first = '', ...lines] = text.slice(0, -4).split('\r\n')
  const status = /^HTTP\/1\.1 (\d{3}) ([\t\x20-\x7e\x80-\xff]*)$/.exec(first)
  if (status === null) throw fail('not a status line')
  const fields = lines.map((line) => {
    const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*?)[\t ]*$/.exec(line)
    if (field === null) throw fail(`not a field line ${JSON.stringify(line)}`)
    return [field[1]!, field[2]!] as const
  })
  return { status: Number(status[1]), reason: status[2]!, fields }
}

/** Returns how the body of a reply is delimited (RFC 9112 §6.3). */
function framingOf({ status, fields }: ReplyHead, head: boolean): Framing {
  const lengths = valuesOf(fields, 'content-length')
  const encodings = valuesOf(fields, 'transfer-encoding')
  if (lengths.length + encodings.length > 1) throw new Error(`the reply is framed twice: ${JSON.stringify(fields)}`)
  if (lengths.some((length) => !/^(0|[1-9][0-9]{0,15})$/.test(length))) throw new Error(`Content-Length: ${lengths[0]}`)
  if (encodings.some((encoding) => encoding !== 'chunked')) throw new Error(`Transfer-Encoding: ${encodings[0]}`)
  if (head || status === 101 || status === 204 || status === 304) return 'none'
  if (encodings.length === 1) return 'chunked'
  return lengths.length === 1 ? 'length' : 'close'
}

async function readBody(wire: Wire, head: ReplyHead, framing: Framing, limitMs?: number): Promise<Body> {
  if (framing === 'none') return { bytes: Buffer.alloc(0), complete: true }
  if (framing === 'chunked') return readChunks(wire, limitMs)
  if (framing === 'length') {
    const length = Number(valuesOf(head.fields, 'content-length')[0])
    const bytes = await wire.take(length, limitMs)
    return { bytes, complete: bytes.length === length }
  }
  const bytes = await wire.rest(limitMs)
  return { bytes, complete: wire.ending === 'ended' }
}

/** Reads a chunked body (RFC 9112 §7.1). Trailers are an error, because the gate sends none. */
async function readChunks(wire: Wire, limitMs?: number): Promise<Body> {
  const chunks: Buffer[] = []
  for (;;) {
    const line = (await wire.until('\r\n', limitMs)).toString('latin1')
    if (!line.endsWith('\r\n')) return { bytes: Buffer.concat(chunks), complete: false }
    if (!/^[0-9a-fA-F]{1,8}\r\n$/.test(line)) throw new Error(`not a chunk size: ${JSON.stringify(line)}`)
    const size = Number.parseInt(line, 16)
    const chunk = await wire.take(size + 2, limitMs)
    chunks.push(chunk.subarray(0, size))
    if (chunk.length < size + 2) return { bytes: Buffer.concat(chunks), complete: false }
    if (chunk.toString('latin1', size) !== '\r\n') {
      const around = JSON.stringify(chunk.toString('latin1', Math.max(size - 40, 0)))
      throw new Error(`no line end after a chunk of ${size} bytes: chunk ${chunks.length} ends with ${around}`)
    }
    if (size === 0) return { bytes: Buffer.concat(chunks), complete: true }
  }
}

function valuesOf(fields: ReplyHead['fields'], name: string): string[] {
  return fields.filter(([known]) => known.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
}
