import { connect, createServer, type Server, type Socket } from 'node:net'
import { atEnd } from './cleanup.ts'
import { listen } from './ports.ts'

/** Between a node and a real Redis. `cut`: bytes stop in both directions and nobody is told, as behind a dead switch. */
export class RedisRelay {
  readonly port: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #cut = false

  private constructor(server: Server, port: number) {
    this.#server = server
    this.port = port
  }

  static async start(target: number): Promise<RedisRelay> {
    const server = createServer()
    const relay = new RedisRelay(server, await listen(server))
    server.on('connection', (near) => {
      const far = connect({ port: target, host: '127.0.0.1' })
      relay.#join(near, far)
      relay.#join(far, near)
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

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((closed) => this.#server.close(closed))
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from)
    if (this.#cut) from.pause()
    from.on('data', (bytes) => to.write(bytes))
    from.on('error', () => to.destroy())
    from.on('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
  }
}
