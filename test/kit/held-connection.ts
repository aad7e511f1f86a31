import { connect, requestBytes } from './raw-client.ts'
import { readReply } from './raw-reply.ts'
import type { Wire } from './wire.ts'

/** A client connection that is opened in advance, so that a request is sent in the current tick of the event loop. */
export class HeldConnection {
  readonly #wire: Wire
  readonly #target: string

  private constructor(wire: Wire, target: string) {
    this.#wire = wire
    this.#target = target
  }

  static async open(port: number, target: string): Promise<HeldConnection> {
    return new HeldConnection(await connect(port), target)
  }

  /**
   * Sends a request in the current tick. @returns the status of the reply; 0 when the connection ended without a reply
   */
  async status(token?: string): Promise<number> {
    const sent = this.#wire.send(requestBytes({ target: this.#target, ...(token === undefined ? {} : { token }) }))
    await sent
    return (await readReply(this.#wire))?.status ?? 0
  }

  close(): void {
    this.#wire.close()
  }
}
