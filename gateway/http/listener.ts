import { denial } from '../base/denial.ts'
import { abandon, drive, fail, refuseLate } from '../pipeline/driver.ts'
import { Exchange } from '../pipeline/exchange.ts'
import type { Gate } from '../pipeline/gate.ts'
import { UwsDownstream } from './downstream.ts'
import { framesBody, readHead } from './head.ts'
import { InFlight } from './in-flight.ts'
import { type ForkedApp, type HttpRequest, type HttpResponse, type us_listen_socket, uws } from './uws.ts'

export interface ListenOptions {
  /** `undefined`: every address of the machine. */
  readonly host: string | undefined
  /** 0: any free port. */
  readonly port: number
  readonly reusePort: boolean
  /** Time without a byte from a client, and of an idle connection after a reply, s. */
  readonly idleS: number
}

const bodyTooLarge = denial('body-too-large')

/** The data plane: takes requests from uWebSockets.js and drives each through its lifecycle. */
export class Listener {
  readonly #gate: Gate
  readonly #app: ForkedApp
  readonly #inFlight = new InFlight()
  readonly #socket: us_listen_socket
  readonly port: number

  private constructor(gate: Gate, app: ForkedApp, socket: us_listen_socket) {
    this.#gate = gate
    this.#app = app
    this.#socket = socket
    this.port = uws.us_socket_local_port(socket)
    app.any('/*', (res, req) => this.#accept(res, req))
  }

  /** @throws {Error} when the address cannot be listened on */
  static async listen(gate: Gate, options: ListenOptions): Promise<Listener> {
    const app = uws.App()
    app.setIdleTimeout?.(options.idleS)
    app.setResponseTimeout?.(options.idleS)
    const socket = await new Promise<us_listen_socket | false>((resolve) => {
      const flags = options.reusePort ? 0 : uws.LIBUS_LISTEN_EXCLUSIVE_PORT
      if (options.host === undefined) app.listen(options.port, flags, resolve)
      else app.listen(options.host, options.port, flags, resolve)
    })
    if (socket === false) {
      throw new Error(
        `cannot listen on ${options.host ?? ''}:${options.port}: the port is taken or the address is not here`,
      )
    }
    return new Listener(gate, app, socket)
  }

  /** Exchanges that are not over. */
  get inFlight(): number {
    return this.#inFlight.size
  }

  #accept(res: HttpResponse, req: HttpRequest): void {
    let x: Exchange | undefined
    // First of all: a handler that returns without it, and without a reply, aborts the process.
    const downstream = new UwsDownstream(res, this.#inFlight)
    res.onAborted(() => {
      downstream.lost()
      if (x !== undefined) abandon(x, 'client-gone')
    })
    try {
      const head = readHead(req)
      x = new Exchange(this.#gate, head, downstream)
      downstream.exchange = x
      this.#inFlight.add(x)
      if (framesBody(head)) this.#attachBody(res, x, downstream)
      drive(x)
    } catch (error) {
      if (x === undefined) res.close()
      else fail(x, error)
    }
  }

  #attachBody(res: HttpResponse, x: Exchange, downstream: UwsDownstream): void {
    const upload = downstream.expectBody()
    res.onData((chunk, last) => {
      try {
        const most = x.route?.maxBodyBytes
        if (most !== undefined && upload.bytes + chunk.byteLength > most) {
          // First of all, so that the service gets neither more than it allows nor an end of what was cut.
          upload.discard()
          refuseLate(x, bodyTooLarge)
        }
        upload.receive(chunk, last)
      } catch (error) {
        fail(x, error)
      }
    })
  }

  /** Takes no more connections; those there are end with their next reply once the gate drains. */
  stopListening(): void {
    uws.us_listen_socket_close(this.#socket)
    // Counts from the next reply on: a kept connection that goes idle now does not outlive the drain.
    this.#app.setResponseTimeout?.(4)
  }

  /** Ends every connection. */
  close(): void {
    this.#inFlight.close()
    this.#app.close()
  }
}
