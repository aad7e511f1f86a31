import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Sealer } from '../base/sealer.ts'

const SECRET_BYTES = 32
const TAG_DIGITS = 32
const FORM = /^[A-Za-z0-9_-]{43}\.[0-9a-f]{32}$/

/**
 * Values of session cookies: 256 random bits and a tag made with the encryption key. A forged value is therefore
 * rejected without a call to Redis, and a value becomes invalid when its key is removed. The session id is a hash of
 * the random part. A reader of Redis, logs or lists cannot derive the cookie from the id.
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

  /**
   * Returns the session id of a cookie value; `undefined` when the value was not made with one of the configured keys.
   */
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
