import { connect, requestBytes } from './raw-client.ts'
import { readReply } from './raw-reply.ts'
import type { Wire } from './wire.ts'

/** A connection that is open already: what is sent on it leaves in the very tick. */
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

  /** Sends now, in this tick. @returns the status of the reply; 0 when the connection ended instead */
  async status(token?: string): Promise<number> {
    const sent = this.#wire.send(requestBytes({ target: this.#target, ...(token === undefined ? {} : { token }) }))
    await sent
    return (await readReply(this.#wire))?.status ?? 0
  }

  close(): void {
    this.#wire.close()
  }
}
