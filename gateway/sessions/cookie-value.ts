import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Sealer } from '../base/sealer.ts'

const SECRET_BYTES = 32
const TAG_DIGITS = 32
const FORM = /^[A-Za-z0-9_-]{43}\.[0-9a-f]{32}$/

/**
 * Values of session cookies: 256 random bits, and a tag made with the encryption key, so that what nobody was given costs
 * no call to Redis, and a value dies with its key. The id of a session is a hash of the random part: whoever reads Redis,
 * a log or a list cannot make the cookie from it.
 */
export class CookieValues {
  readonly #sealer: Sealer

  constructor(sealer: Sealer) {
    this.#sealer = sealer
  }

  mint(): { readonly value: string; readonly id: string } {
    const secret = randomBytes(SECRET_BYTES).toString('base64url')
    return { value: `${secret}.${this.#sealer.nameOf('cookie', secret).slice(0, TAG_DIGITS)}`, id: idOf(secret) }
  }

  /** The session's id; `undefined` for what was not made with one of the keys. */
  idOf(value: string): string | undefined {
    if (!FORM.test(value)) return undefined
    const [secret, tag] = value.split('.') as [string, string]
    const given = Buffer.from(tag)
    const names = this.#sealer.namesOf('cookie', secret)
    return names.some((name) => timingSafeEqual(Buffer.from(name.slice(0, TAG_DIGITS)), given))
      ? idOf(secret)
      : undefined
  }
}

function idOf(secret: string): string {
  return hash('sha256', `session ${secret}`).slice(0, 32)
}
