import { createHash, randomBytes } from 'node:crypto'

/** Time for which a one-time link can be used, ms: 5 minutes. */
const LINK_MS = 5 * 60_000
/** Maximum number of unused one-time links to the console. */
const LINKS_MAX = 16

interface Link {
  readonly token: string
  readonly endsAtMs: number
}

/**
 * One-time links to the console of this node. A link stands for the token of the operator who made it, and opens one
 * session with this token.
 */
export class OneTimeLinks {
  readonly #nowMs: () => number
  /**
   * Links by the hash of their secret, in the order in which they were made.
   *
   * @bound {@link LINKS_MAX} links | the oldest link is removed | none
   */
  readonly #links = new Map<string, Link>()

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Makes a one-time link to the console for a token. `secret`: 256 random bits as text, the code in the link. */
  make(token: string): { readonly secret: string; readonly endsAtMs: number } {
    const [oldest] = this.#links.keys()
    if (this.#links.size >= LINKS_MAX) this.#links.delete(oldest!)
    const secret = randomBytes(32).toString('base64url')
    const endsAtMs = this.#nowMs() + LINK_MS
    this.#links.set(hashOf(secret), { token, endsAtMs })
    return { secret, endsAtMs }
  }

  /** Uses a one-time link up, and returns its token; `undefined` when the link is unknown, used or expired. */
  use(secret: string): string | undefined {
    const key = hashOf(secret)
    const link = this.#links.get(key)
    this.#links.delete(key)
    return link !== undefined && this.#nowMs() < link.endsAtMs ? link.token : undefined
  }
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64')
}
