import { connect, createServer, type Server, type Socket } from 'node:net'
import { atEnd } from './cleanup.ts'
import { listen } from './ports.ts'

/**
 * Between a client and a real Redis. `cut`: bytes stop in both directions and nobody is told, as behind a dead switch.
 * `replace`: the next reply is another one. `breakAt`: a connection is broken off on which this word is said.
 * `swallow`: what holds this word does not arrive. `hold`: it arrives once `release` is called.
 */
export class RedisRelay {
  readonly port: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #cut = false
  #replacement: string | undefined
  #breakAt: string | undefined
  #swallowed: string | undefined
  #heldAt: string | undefined
  readonly #held: (() => void)[] = []
  /** Requests that did not arrive. */
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

  /** @param line  as Redis writes it, such as `-LOADING …` */
  replace(line: string): void {
    this.#replacement = line
  }

  /** @param word  as the client writes it; `undefined`: none any more */
  breakAt(word: string | undefined): void {
    this.#breakAt = word
  }

  /** @param word  as the client writes it; `undefined`: all arrives again */
  swallow(word: string | undefined): void {
    this.#swallowed = word
  }

  /** @param word  as the client writes it: its connection sends nothing more from then on, until `release` */
  hold(word: string): void {
    this.#heldAt = word
  }

  /** Requests that are held. */
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
    if (this.#swallowed === undefined || !bytes.includes(this.#swallowed)) return bytes
    this.swallows++
    return Buffer.alloc(0)
  }

  #replaced(bytes: Buffer): Buffer {
    if (this.#replacement === undefined) return bytes
    const line = Buffer.from(`${this.#replacement}\r\n`)
    this.#replacement = undefined
    return line
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
