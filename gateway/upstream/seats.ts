import { GatewayFault } from '../base/fault.ts'
import { Roster, type Rostered } from '../base/roster.ts'

/** What one client may hold of them, in calls for each that is free. */
const SHARE = 3

/** A call that has, or wants, a seat. */
export interface Seated extends Rostered {
  /** Address of the client, 4 or 16 bytes; `undefined`: nobody's share. */
  readonly client: Uint8Array | undefined
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
  readonly #calls = new Roster<Seated>()

  constructor(origin: string, max: number) {
    this.#origin = origin
    this.#max = max
    this.#crowded = (max * SHARE) / (SHARE + 1)
  }

  /** @returns why there is none */
  take(call: Seated): GatewayFault | undefined {
    const { size } = this.#calls
    if (size >= this.#max) return this.#full(`${this.#max} calls are under way`)
    const { client } = call
    if (size >= this.#crowded && client !== undefined) {
      const held = this.#calls.count((other) => other.client !== undefined && isOneClient(other.client, client))
      if (held >= SHARE * (this.#max - size)) return this.#full(`the client has ${held} of the ${size} calls under way`)
    }
    this.#calls.add(call)
    return undefined
  }

  leave(call: Seated): void {
    this.#calls.delete(call)
  }

  #full(why: string): GatewayFault {
    return new GatewayFault('upstream-full', 'upstream', `${this.#origin}: ${why}`, { retryable: true })
  }
}

/** The same IPv4 address, or IPv6 /64, which is what one subscriber is given (RFC 6177). */
function isOneClient(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  const bytes = a.length === 16 ? 8 : a.length
  for (let i = 0; i < bytes; i++) if (a[i] !== b[i]) return false
  return true
}
