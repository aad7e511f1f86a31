import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Sealer } from '../base/sealer.ts'

const SECRET_BYTES = 32
const TAG_DIGITS = 32
const FORM = /^(?:([0-9a-f]{32})\.)?([A-Za-z0-9_-]{43})\.([0-9a-f]{32})$/

/** Content of the value of a session cookie, if the value was made with one of the configured keys. */
export interface CookieReading {
  /** Id of the session that the cookie value names. */
  readonly id: string
  /**
   * Hash of the random part of the value, 32 hexadecimal digits. Redis lists this hash with the session. `undefined`
   * for the value with which the session was created.
   */
  readonly listed: string | undefined
}

/**
 * Values of session cookies: 256 random bits and a tag made with the encryption key. A forged value is therefore
 * rejected without a call to Redis, and a value becomes invalid when its key is removed. The session id is a hash of
 * the random part. A reader of Redis, logs or lists cannot derive the cookie from the id.
 *
 * A session that several hosts share has one more value for each of these hosts. Such a value starts with the session
 * id, and its tag includes the origin of the host: at another host the tag is wrong.
 */
export class CookieValues {
  readonly #sealer: Sealer

  constructor(sealer: Sealer) {
    this.#sealer = sealer
  }

  mint(): { readonly value: string; readonly id: string } {
    const secret = newSecret()
    return { value: `${secret}.${this.#sealer.nameOf('cookie', secret).slice(0, TAG_DIGITS)}`, id: idOf(secret) }
  }

  /** Creates a session cookie value by which one more host can use a session. @param origin  origin of the host */
  mintFor(id: string, origin: string): { readonly value: string; readonly listed: string } {
    const secret = newSecret()
    const tag = this.#sealer.nameOf('host cookie', origin, id, secret).slice(0, TAG_DIGITS)
    return { value: `${id}.${secret}.${tag}`, listed: listedOf(secret) }
  }

  /**
   * Reads the value of a session cookie; `undefined` when the value was not made with one of the configured keys, or
   * for another host.
   *
   * @param origin  origin of the host at which the browser presented the value
   */
  read(value: string, origin: string): CookieReading | undefined {
    const [, id, secret = '', tag = ''] = FORM.exec(value) ?? []
    if (secret === '') return undefined
    const given = Buffer.from(tag)
    const parts = id === undefined ? ['cookie', secret] : ['host cookie', origin, id, secret]
    const names = this.#sealer.namesOf(...parts)
    if (!names.some((name) => timingSafeEqual(Buffer.from(name.slice(0, TAG_DIGITS)), given))) return undefined
    return id === undefined ? { id: idOf(secret), listed: undefined } : { id, listed: listedOf(secret) }
  }
}

function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url')
}

function idOf(secret: string): string {
  return hash('sha256', `session ${secret}`).slice(0, 32)
}

function listedOf(secret: string): string {
  return hash('sha256', `host ${secret}`).slice(0, 32)
}
