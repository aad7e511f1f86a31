import { createServer, type Socket } from 'node:net'
import { atEnd } from '../kit/cleanup.ts'
import { listen } from '../kit/ports.ts'

/**
 * Reply of a service to one request. The pieces are written in separate turns of the event loop, and then the
 * connection is closed.
 */
export interface ScriptedReply {
  readonly pieces: readonly Buffer[]
  readonly ending: 'fin' | 'rst'
}

/**
 * A service that replies to `/<n>` with the n-th script. The service runs in the process of the test, so each piece is
 * read before the next piece is written.
 */
export class ScriptedReplies {
  readonly #scripts: ScriptedReply[] = []
  url = ''

  static async start(): Promise<ScriptedReplies> {
    const replies = new ScriptedReplies()
    const sockets = new Set<Socket>()
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      socket.on('error', () => socket.destroy())
      socket.once('data', (head) => void replies.#reply(socket, head.toString('latin1')))
    })
    replies.url = `http://127.0.0.1:${await listen(server)}`
    atEnd(async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((done) => server.close(done))
    })
    return replies
  }

  /** Adds a scripted reply. @returns the request target that gets this reply */
  add(script: ScriptedReply): string {
    return `/${this.#scripts.push(script) - 1}`
  }

  async #reply(socket: Socket, head: string): Promise<void> {
    const { pieces, ending } = this.#scripts[Number(/^\S+ \/(\d+) /.exec(head)![1])]!
    for (const piece of pieces) {
      if (!socket.writable) return
      socket.write(piece)
      await new Promise((turn) => setImmediate(turn))
    }
    if (ending === 'fin') socket.end()
    else socket.resetAndDestroy()
  }
}
