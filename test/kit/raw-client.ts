import { once } from 'node:events'
import { connect as connectSocket, type Socket } from 'node:net'
import { atEnd } from './cleanup.ts'
import { within } from './deadline.ts'
import { type RawReply, readReply } from './raw-reply.ts'
import { type Bytes, defaultLimitMs, type Ending, Wire } from './wire.ts'

const open = new Set<Socket>()
let endsWithFile = false

function destroyAtEnd(): void {
  if (endsWithFile) return
  endsWithFile = true
  atEnd(() => {
    endsWithFile = false
    for (const socket of open) socket.destroy()
  })
}

/**
 * Opens a connection to 127.0.0.1, which closes at the latest after the last test of the file. @param from  source
 * address, in 127.0.0.0/8
 */
export async function connect(port: number, from?: string): Promise<Wire> {
  // `allowHalfOpen`: Node does not answer a FIN of the peer with its own FIN.
  const socket = connectSocket({ port, host: '127.0.0.1', allowHalfOpen: true, ...(from && { localAddress: from }) })
  destroyAtEnd()
  open.add(socket)
  socket.once('close', () => open.delete(socket))
  await within(defaultLimitMs, `a connection to port ${port}`, once(socket, 'connect'))
  return new Wire(socket)
}

interface ExchangeOptions {
  /**
   * Number of replies to read. `all` reads until the connection ends, and is an error when it does not end in time.
   * Default 1.
   */
  readonly replies?: number | 'all'
  /** True when the requests are HEAD, whose replies have no body. */
  readonly head?: boolean
  readonly gapMs?: number
  readonly limitMs?: number
  /** Source address of the client, in 127.0.0.0/8. */
  readonly from?: string
}

export interface RawExchange {
  /** The replies in order; fewer than requested only when the connection ended first. */
  readonly replies: readonly RawReply[]
  /**
   * How the connection ended. Waited for when the last reply ends the connection: by `Connection: close` or by its
   * framing.
   */
  readonly ending: Ending
}

/** Sends `bytes` over a new connection and reads the replies. */
export async function exchange(
  port: number,
  bytes: Bytes | readonly Bytes[],
  { replies: wanted = 1, head = false, gapMs, limitMs = defaultLimitMs, from }: ExchangeOptions = {},
): Promise<RawExchange> {
  const wire = await connect(port, from)
  try {
    await wire.send(bytes, gapMs)
    const replies: RawReply[] = []
    while (wanted === 'all' || replies.length < wanted) {
      const reply = await readReply(wire, { head, limitMs })
      if (reply === undefined) break
      replies.push(reply)
    }
    if (
      wanted !== 'all' &&
      replies
        .at(-1)
        ?.all('connection')
        .some((value) => /\bclose\b/i.test(value))
    ) {
      const surplus = await wire.rest(limitMs)
      if (surplus.length > 0) throw new Error(`after the last reply came ${JSON.stringify(surplus.toString('latin1'))}`)
    }
    return { replies, ending: wire.ending }
  } finally {
    wire.close()
  }
}

/** Sends `bytes` over a new connection and reads exactly one reply. */
export async function request(
  port: number,
  bytes: Bytes | readonly Bytes[],
  options: Omit<ExchangeOptions, 'replies'> = {},
): Promise<RawReply> {
  const { replies, ending } = await exchange(port, bytes, options)
  const [reply] = replies
  if (reply === undefined) throw new Error(`no reply: the connection was ${ending}`)
  return reply
}

interface RequestParts {
  readonly method?: string
  readonly target: string
  readonly host?: string
  readonly token?: string
  readonly fields?: readonly (readonly [name: string, value: string])[]
  /** Body of the request, which is sent with a Content-Length. */
  readonly body?: Bytes
}

/** Returns the bytes of a well-formed request. */
export function requestBytes({
  method = 'GET',
  target,
  host = 'api.test',
  token,
  fields = [],
  body,
}: RequestParts): Buffer {
  const content = typeof body === 'string' ? Buffer.from(body) : body
  const head = [
    ['Host', host],
    ...(token === undefined ? [] : [['Authorization', `Bearer ${token}`]]),
    ...fields,
    ...(content === undefined ? [] : [['Content-Length', String(content.length)]]),
  ].map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.concat([
    Buffer.from(`${method} ${target} HTTP/1.1\r\n${head.join('')}\r\n`, 'latin1'),
    content ?? Buffer.alloc(0),
  ])
}
