import { WebSocket } from 'ws'

const BATCH = 50

export interface EchoTarget {
  readonly port: number
  readonly pid: number
}

/** Opens WebSockets, and waits until each has received one message. */
export async function openWebSockets(
  { port }: EchoTarget,
  count: number,
  authorizations: readonly string[],
): Promise<WebSocket[]> {
  const sockets: WebSocket[] = []
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(BATCH, count - sockets.length) }, (_, i) => {
      const authorization = authorizations[(sockets.length + i) % authorizations.length]!
      return openOne(port, authorization)
    })
    sockets.push(...(await Promise.all(batch)))
  }
  return sockets
}

function openOne(port: number, authorization: string): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/live/1`, {
      perMessageDeflate: false,
      headers: { authorization, host: 'bench.test' },
    })
    socket.on('error', reject)
    socket.once('open', () => socket.send('first'))
    socket.once('message', () => resolve(socket))
  })
}

/**
 * Exchanges messages over each socket without a pause: sends the next message when the service has returned the last
 * message.
 */
export class EchoLoad {
  /** Number of messages that the service returned. */
  returned = 0
  readonly #sockets: readonly WebSocket[]

  constructor(sockets: readonly WebSocket[], bytes: number) {
    this.#sockets = sockets
    const message = Buffer.alloc(bytes, 'x')
    // Large messages are binary, so that no receiver checks UTF-8; small ones are text, as commonly used.
    const options = { binary: bytes > 1000 }
    for (const socket of sockets) {
      socket.on('message', () => {
        this.returned++
        socket.send(message, options)
      })
      socket.send(message, options)
    }
  }

  end(): void {
    for (const socket of this.#sockets) socket.terminate()
  }
}
