import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type TLSSocket } from 'node:tls'
import { certificateFor } from './certificate.ts'
import { atEnd } from './cleanup.ts'
import { listen } from './ports.ts'

/** A parsed syslog message (RFC 5424 §6). */
export interface SyslogMessage {
  readonly priority: number
  readonly time: string
  readonly host: string
  readonly app: string
  readonly msgid: string
  readonly sdId: string
  readonly parameters: Readonly<Record<string, string>>
  /** Text of the message without its UTF-8 byte order mark. */
  readonly text: string
}

/** A receiver of syslog over TLS. It accepts only octet-counted frames (RFC 5425). */
export class SyslogReceiver {
  readonly messages: SyslogMessage[] = []
  readonly caFile: string
  port = 0
  /** Number of messages after which the receiver closes a connection. */
  breakAfter = Number.POSITIVE_INFINITY
  connections = 0
  readonly #keyFile: string
  readonly #sockets = new Set<TLSSocket>()
  #close: () => Promise<unknown> = async () => {}

  constructor(caFile: string, keyFile: string) {
    this.caFile = caFile
    this.#keyFile = keyFile
  }

  async listen(port = 0): Promise<this> {
    const server = createServer({ cert: readFileSync(this.caFile), key: readFileSync(this.#keyFile) }, (socket) =>
      this.#serve(socket),
    )
    // Connections in the TLS handshake are closed too, because the server would wait for their end.
    const connections = new Set<Socket>()
    server.on('connection', (raw: Socket) => {
      connections.add(raw)
      raw.once('close', () => connections.delete(raw))
    })
    this.port = await listen(server, port)
    this.#close = () => {
      for (const socket of [...this.#sockets, ...connections]) socket.destroy()
      return new Promise((resolve) => server.close(resolve))
    }
    return this
  }

  /** Simulates a crash: closes the listener and all connections. `listen(port)` starts the receiver again. */
  close(): Promise<unknown> {
    return this.#close()
  }

  #serve(socket: TLSSocket): void {
    this.connections++
    this.#sockets.add(socket)
    socket.on('error', () => {}).once('close', () => this.#sockets.delete(socket))
    let pending = Buffer.alloc(0)
    let count = 0
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk])
      for (;;) {
        const blank = pending.indexOf(0x20)
        if (blank < 0) return
        const length = pending.subarray(0, blank).toString('latin1')
        if (!/^[1-9][0-9]{0,6}$/.test(length)) throw new Error(`no frame of syslog: ${length.slice(0, 40)}`)
        const end = blank + 1 + Number(length)
        if (pending.length < end) return
        if (count++ >= this.breakAfter) {
          socket.destroy()
          return
        }
        this.messages.push(read(pending.subarray(blank + 1, end)))
        pending = pending.subarray(end)
      }
    })
  }
}

function read(bytes: Buffer): SyslogMessage {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  const head = /^<(\d{1,3})>1 (\S+) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) (?=\[)/.exec(text)
  if (head === null) throw new Error(`no message of syslog: ${text.slice(0, 100)}`)
  const data = /^\[([!#-<>-\\^-~]{1,32})((?: [!#-<>-\\^-~]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*)\] /u.exec(
    text.slice(head[0].length),
  )
  if (data === null) throw new Error(`no structured data: ${text.slice(head[0].length, 200)}`)
  const parameters = [...data[2]!.matchAll(/ ([^=]+)="((?:[^"\\\]]|\\["\\\]])*)"/gu)].map(
    ([, name, value]) => [name!, value!.replaceAll(/\\(["\\\]])/g, '$1')] as const,
  )
  const message = text.slice(head[0].length + data[0].length)
  if (!message.startsWith('\ufeff')) throw new Error('the message does not say that it is UTF-8')
  return {
    priority: Number(head[1]),
    time: head[2]!,
    host: head[3]!,
    app: head[4]!,
    msgid: head[6]!,
    sdId: data[1]!,
    parameters: Object.fromEntries(parameters),
    text: message.slice(1),
  }
}

export async function syslogReceiver(): Promise<SyslogReceiver> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-syslog-'))
  const { certFile, keyFile } = await certificateFor(folder, 'syslog', ['localhost'])
  const receiver = await new SyslogReceiver(certFile, keyFile).listen()
  atEnd(async () => {
    await receiver.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return receiver
}
