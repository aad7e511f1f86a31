import { Readable } from 'node:stream'
import { readHead } from '../../gateway/http/head.ts'
import { ListeningSocket } from '../../gateway/http/listening-socket.ts'
import { type HttpResponse, loadUws } from '../../gateway/http/uws.ts'
import { UwsServer } from '../../gateway/http/uws-server.ts'
import { openTarget } from '../../gateway/upstream/open-target.ts'
import type { ReplyHead } from '../../gateway/upstream/reply-head.ts'
import type { RequestStream, UpstreamCall, UpstreamListener } from '../../gateway/upstream/target.ts'

// Proxy that only forwards, with the listener and the upstream client of the gate: the reference for the cost of
// everything else that the gate does. It has no phases, no backpressure and no timeouts of a client, and trusts its
// service to send a Content-Length. Environment variables: PORT, UPSTREAM (port).

const CONNECT_MS = 2000
const MAX_CALLS = 1024
const timeouts = { firstByteMs: 60_000, idleMs: 60_000 }
/** Fields of one connection (RFC 9110 §7.6.1). */
const hopByHop = new Set(['connection', 'keep-alive', 'te', 'transfer-encoding', 'upgrade'])
/** Fields of the reply that uWebSockets.js writes itself. */
const written: readonly string[] = ['content-length', 'connection', 'date', 'keep-alive']

const port = Number(process.env['PORT'])
loadUws({ addon: undefined, script: undefined })
const target = openTarget(new URL(`http://127.0.0.1:${process.env['UPSTREAM']}`), 'http1', CONNECT_MS, MAX_CALLS, {})

const server = new UwsServer(
  { certificates: [], clientCaFile: undefined, idleS: 75, messageMaxBytes: 1024 },
  (res, req) => {
    const { method, target: path, query, names, values } = readHead(req)
    const fields: string[] = []
    let length = 0
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!
      if (hopByHop.has(name)) continue
      if (name === 'content-length') length = Number(values[i])
      fields.push(name, values[i]!)
    }
    const reply = new Reply(res)
    res.onAborted(() => reply.abort())
    const send = (body?: RequestStream): void => {
      const whole = query === undefined ? path : `${path}?${query}`
      reply.call = target.send({ method, target: whole, fields, body, timeouts }, reply)
    }
    if (length === 0) send()
    else collect(res, send)
  },
)
new ListeningSocket({ host: '127.0.0.1', port, reusePort: false }, server, false)

/** Copies a reply to the client, in one write if it has arrived whole. */
class Reply implements UpstreamListener {
  readonly #res: HttpResponse
  call: UpstreamCall | undefined
  #head: ReplyHead | undefined
  #lines: Buffer = Buffer.alloc(0)
  #body: Buffer[] = []
  #isOver = false

  constructor(res: HttpResponse) {
    this.#res = res
  }

  onOpen(): void {}

  onHead(head: ReplyHead): void {
    for (let i = 0; i < head.fieldCount; i++) if (written.includes(head.name(i))) head.drop(i)
    this.#head = head
    this.#lines = head.lines()
  }

  onData(chunk: Buffer): boolean {
    const isWhole = this.#body.length === 0 && chunk.length === this.#head!.contentLength
    if (isWhole) this.#end(this.#lines, chunk)
    else {
      // Copy head and body: the next read overwrites their memory.
      if (this.#body.length === 0) this.#lines = Buffer.from(this.#lines)
      this.#body.push(Buffer.from(chunk))
    }
    return true
  }

  onEnd(): void {
    this.#end(this.#lines, Buffer.concat(this.#body))
  }

  onFault(): void {
    if (!this.#isOver) this.#res.close()
    this.#isOver = true
  }

  abort(): void {
    this.#isOver = true
    this.call?.abort()
  }

  #end(lines: Buffer, body: Buffer): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#res.cork(() => {
      this.#res.writeStatus(lines)
      this.#res.end(body)
    })
  }
}

/** Reads the body of a request, and calls `send` with it. */
function collect(res: HttpResponse, send: (body: RequestStream) => void): void {
  const parts: Buffer[] = []
  res.onData((chunk, isLast) => {
    parts.push(Buffer.from(new Uint8Array(chunk)))
    if (!isLast) return
    const whole = Buffer.concat(parts)
    send(Object.assign(Readable.from([whole]), { takeWhole: () => whole }))
  })
}
