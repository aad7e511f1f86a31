import { connect, createServer, type Server, type Socket } from 'node:net'
import { atEnd } from './cleanup.ts'
import { listen } from './ports.ts'

/**
 * A TCP relay between a client and a real Redis, which can cause faults. `cut` stops all bytes in both directions and
 * closes nothing, as behind a dead switch. `replace` replaces the next reply, except to a PING. `breakAt` closes a connection on which
 * the client sends a word. `swallow` drops data that contain a word, and all later data of that client. `hold` delays data that contain a word until
 * `release`.
 */
export class RedisRelay {
  readonly port: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #cut = false
  #replacement: string | undefined
  #breakAt: string | undefined
  #swallowed: string | undefined
  /** Clients whose data is dropped. */
  readonly #unheard = new WeakSet<Socket>()
  #heldAt: string | undefined
  readonly #held: (() => void)[] = []
  /** Number of times that `swallow` has dropped data. */
  swallows = 0

  private constructor(server: Server, port: number) {
    this.#server = server
    this.port = port
  }

  static async start(target: number): Promise<RedisRelay> {
    const server = createServer()
    const relay = new RedisRelay(server, await listen(server))
    server.on('connection', (near) => {
      const far = connect({ port: target, host: '127.0.0.1' })
      relay.#join(near, far, (bytes) => relay.#heard(near, bytes))
      relay.#join(far, near, (bytes) => relay.#replaced(bytes))
    })
    atEnd(() => relay.stop())
    return relay
  }

  cut(): void {
    this.#cut = true
    for (const socket of this.#sockets) socket.pause()
  }

  mend(): void {
    this.#cut = false
    for (const socket of this.#sockets) socket.resume()
  }

  /** Replaces the next reply of Redis. @param line  reply in the Redis protocol, such as `-LOADING …` */
  replace(line: string): void {
    this.#replacement = line
  }

  /** Closes each connection on which the client sends `word`. `undefined` ends this behaviour. */
  breakAt(word: string | undefined): void {
    this.#breakAt = word
  }

  /**
   * Drops data of a client that contain `word`, and all later data of the same connection: bytes cannot be missing in the
   * middle of a TCP stream. `undefined` ends this behaviour for connections without dropped data.
   */
  swallow(word: string | undefined): void {
    this.#swallowed = word
  }

  /** Delays data that contain `word`, and everything after it on the same connection, until `release`. */
  hold(word: string): void {
    this.#heldAt = word
  }

  /** Number of connections on which `hold` delays data. */
  get held(): number {
    return this.#held.length
  }

  release(): void {
    this.#heldAt = undefined
    for (const pass of this.#held.splice(0)) pass()
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((closed) => this.#server.close(closed))
  }

  #heard(client: Socket, bytes: Buffer): Buffer {
    if (this.#breakAt !== undefined && bytes.includes(this.#breakAt)) client.destroy()
    if (this.#unheard.has(client)) return Buffer.alloc(0)
    if (this.#swallowed === undefined || !bytes.includes(this.#swallowed)) return bytes
    this.swallows++
    this.#unheard.add(client)
    return Buffer.alloc(0)
  }

  #replaced(bytes: Buffer): Buffer {
    if (this.#replacement === undefined) return bytes
    const replies = bytes.toString('latin1')
    let start = 0
    // Replies to the PINGs of the client are replies to no call of the test.
    while (replies.startsWith(PONG, start)) start += PONG.length
    if (start === replies.length) return bytes
    const replaced = `${replies.slice(0, start)}${this.#replacement}\r\n${replies.slice(endOfReply(replies, start))}`
    this.#replacement = undefined
    return Buffer.from(replaced, 'latin1')
  }

  #join(from: Socket, to: Socket, seen: (bytes: Buffer) => Buffer): void {
    this.#sockets.add(from)
    if (this.#cut) from.pause()
    from.on('data', (bytes: Buffer) => {
      if (this.#heldAt === undefined || !bytes.includes(this.#heldAt)) {
        to.write(seen(bytes))
        return
      }
      from.pause()
      this.#held.push(() => {
        to.write(seen(bytes))
        if (!this.#cut) from.resume()
      })
    })
    from.on('error', () => to.destroy())
    from.on('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
  }
}

const PONG = '+PONG\r\n'

/** Returns the position after the reply that begins at `start`. */
function endOfReply(replies: string, start: number): number {
  const head = replies.indexOf('\r\n', start) + 2
  const count = Number(replies.slice(start + 1, head - 2))
  const kind = replies[start]!
  if ('$=!'.includes(kind)) return count < 0 ? head : head + count + 2
  const parts = '*~>'.includes(kind) ? count : kind === '%' ? 2 * count : 0
  let end = head
  for (let i = 0; i < parts; i++) end = endOfReply(replies, end)
  return end
}
