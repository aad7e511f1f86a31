import { GatewayFault } from '../base/fault.ts'
import { type Share, Shares } from './shares.ts'

/** What one client may hold of them, in calls for each that is free. */
const SHARE = 3

/** A call that has, or wants, a seat. */
export interface Seated {
  /** Address of the client, 4 or 16 bytes; `undefined`: nobody's share. */
  readonly client: Uint8Array | undefined
  /** What its client has; `undefined`: it has no seat. Kept by the seats alone. */
  share: Share | undefined
}

/**
 * The calls under way to one upstream, one on a connection. Beyond `max` a call is refused: nothing would bound its wait. As
 * long as there is room anybody has it; when there is little, one client may hold three times what is left, and no more: of
 * 4,096 a single one comes to 3,072, two to 1,756 each, ten to 397 (dynamic thresholds, Choudhury and Hahne 1998). So one that
 * reads slowly, on as many connections as it likes, takes a service from nobody; nor do a third of `max` of them, beside whom
 * there is still one seat. Whoever has more addresses than that can fill it.
 */
export class Seats {
  readonly #origin: string
  readonly #max: number
  /** Below it, whoever holds all of them has not more than its share. */
  readonly #crowded: number
  readonly #shares = new Shares()
  #taken = 0

  constructor(origin: string, max: number) {
    this.#origin = origin
    this.#max = max
    this.#crowded = (max * SHARE) / (SHARE + 1)
  }

  /** @returns why there is none */
  take(call: Seated): GatewayFault | undefined {
    const taken = this.#taken
    if (taken >= this.#max) return this.#full(`${this.#max} calls are under way`)
    const { client } = call
    if (taken >= this.#crowded && client !== undefined) {
      const held = this.#shares.heldBy(client)
      if (held >= SHARE * (this.#max - taken))
        return this.#full(`the client has ${held} of the ${taken} calls under way`)
    }
    call.share = this.#shares.add(client)
    this.#taken++
    return undefined
  }

  /** Does nothing for one that has none. */
  leave(call: Seated): void {
    const { share } = call
    if (share === undefined) return
    call.share = undefined
    this.#shares.take(share)
    this.#taken--
  }

  #full(why: string): GatewayFault {
    return new GatewayFault('upstream-full', 'upstream', `${this.#origin}: ${why}`, { retryable: true })
  }
}
