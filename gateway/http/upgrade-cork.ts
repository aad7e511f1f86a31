import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type ForkedApp, type HttpResponse, type us_listen_socket, uws } from './uws.ts'

const LOOPBACK = '127.0.0.1'

/**
 * Runs upgrades to WebSocket in the only way that is safe with uWebSockets.js.
 *
 * When `res.cork` ends, uWebSockets.js reads `res` as a reply even if `res` has become a WebSocket meanwhile. Depending
 * on the memory, uWebSockets.js then closes the WebSocket: one in four of the first WebSockets of a process. Outside of
 * `cork`, each upgrade writes a warning to stderr. So upgrades run in the `cork` of another reply, which is never sent.
 * This reply belongs to a connection over loopback that the node opens to itself.
 */
export class UpgradeCork {
  readonly #app: ForkedApp
  readonly #client: Socket
  readonly #held: HttpResponse
  #lost = false

  private constructor(app: ForkedApp, client: Socket, held: HttpResponse) {
    this.#app = app
    this.#client = client
    this.#held = held
    held.onAborted(() => {
      this.#lost = true
    })
  }

  static async open(): Promise<UpgradeCork> {
    const app = uws.App()
    const path = `/${randomUUID()}`
    const { promise, resolve } = Promise.withResolvers<UpgradeCork>()
    app.any('/*', (res, req) => {
      // Use a random path, which another process of this machine cannot know.
      if (req.getUrl() === path) resolve(new UpgradeCork(app, client, res))
      else res.close()
    })
    const listening = listen(app)
    const client = connect(uws.us_socket_local_port(listening), LOOPBACK)
    // Ignore errors of the socket: without a listener, an error would end the process. `run` notices the loss.
    client.on('error', () => undefined)
    client.unref()
    await once(client, 'connect')
    client.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    const cork = await promise
    uws.us_listen_socket_close(listening)
    return cork
  }

  /** Calls `upgrade` inside the cork (write batch of uWebSockets.js) of the held reply. */
  run(upgrade: () => void): void {
    if (this.#lost) upgrade()
    else this.#held.cork(upgrade)
  }

  close(): void {
    this.#client.destroy()
    this.#app.close()
  }
}

function listen(app: ForkedApp): us_listen_socket {
  let socket: us_listen_socket | false = false
  app.listen(LOOPBACK, 0, uws.LIBUS_LISTEN_EXCLUSIVE_PORT, (given) => {
    socket = given
  })
  if (socket === false) throw new Error('the start check of uWebSockets.js cannot listen on 127.0.0.1')
  return socket
}
