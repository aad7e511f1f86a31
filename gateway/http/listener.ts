import { denial } from '../base/denial.ts'
import type { Certificate } from '../config/certificates.ts'
import { abandon, drive, fail, refuseLate } from '../pipeline/driver.ts'
import { Exchange } from '../pipeline/exchange.ts'
import type { Gate } from '../pipeline/gate.ts'
import { UwsDownstream } from './downstream.ts'
import { type Connections, Front, type FrontOptions, type ServedNames } from './front.ts'
import { framesBody, readHead } from './head.ts'
import { InFlight } from './in-flight.ts'
import type { HttpRequest, HttpResponse } from './uws.ts'

export interface ListenOptions extends Omit<FrontOptions, 'shared'> {
  readonly reusePort: boolean
}

const bodyTooLarge = denial('body-too-large')

/** The data plane: takes requests from uWebSockets.js and drives each through its lifecycle. */
export class Listener {
  readonly #gate: Gate
  readonly #options: ListenOptions
  readonly #inFlight: InFlight
  /** The last one listens. Those before it serve the connections that they had when certificates changed. */
  readonly #fronts: Front[] = []

  /** @throws {ListenError} when the address cannot be listened on */
  constructor(gate: Gate, options: ListenOptions) {
    this.#gate = gate
    this.#options = options
    this.#inFlight = new InFlight(options.idleS)
    const tls = options.certificates.length > 0
    if (tls && !options.reusePort) mustBeFree(options)
    // With certificates the port is shared, so that a later front can join.
    this.#open(options.certificates, options.reusePort || tls)
  }

  get port(): number {
    return this.#fronts.at(-1)!.port
  }

  /** Exchanges that are not over. */
  get inFlight(): number {
    return this.#inFlight.size
  }

  /** Of clients: open now, and opened so far. */
  get connections(): Readonly<Connections> {
    const sum = { open: 0, opened: 0 }
    for (const { connections } of this.#fronts) {
      sum.open += connections.open
      sum.opened += connections.opened
    }
    return sum
  }

  #accept(res: HttpResponse, req: HttpRequest, served: ServedNames): void {
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
      x.servedNames = served
      downstream.exchange = x
      this.#inFlight.add(downstream)
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
        // Before it is handed on, so that the service gets neither more than that nor an end of what was cut.
        if (most !== undefined && upload.bytes + chunk.byteLength > most) refuseLate(x, bodyTooLarge)
        upload.receive(chunk, last)
      } catch (error) {
        fail(x, error)
      }
    })
  }

  /**
   * New connections get these certificates, those that are open go on with theirs. A connection that is being opened in
   * this very moment may be reset.
   *
   * @throws {Error} when the port cannot be joined; what was served before is served on
   */
  replaceCertificates(certificates: readonly Certificate[]): void {
    this.#open(certificates, true)
    this.#fronts.at(-2)!.stopListening()
  }

  #open(certificates: readonly Certificate[], shared: boolean): void {
    const port = this.#fronts.at(-1)?.port ?? this.#options.port
    const options = { ...this.#options, port, shared, certificates }
    this.#fronts.push(Front.open(options, (res, req, served) => this.#accept(res, req, served)))
  }

  /** Takes no more connections; those there are end with their next reply once the gate drains. */
  stopListening(): void {
    this.#fronts.at(-1)!.stopListening()
    for (const front of this.#fronts) front.hurry()
  }

  /** Ends every connection. */
  close(): void {
    this.#inFlight.close()
    for (const front of this.#fronts) front.close()
  }
}

/** @throws {Error} when somebody else listens on the port */
function mustBeFree(options: ListenOptions): void {
  Front.open({ ...options, shared: false, certificates: [] }, () => undefined).stopListening()
}
