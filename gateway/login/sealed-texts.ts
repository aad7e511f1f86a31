import { randomBytes } from 'node:crypto'
import type { Sealer } from '../base/sealer.ts'

const SALT_BYTES = 8
const form = /^[A-Za-z0-9_-]+$/

/**
 * Encrypts content into texts for URLs, and decrypts them. Neither the browser nor the issuer can read or change the
 * content.
 *
 * A text is a salt (8 bytes) and a sealed blob, in base64url. Each salt derives a separate key, because clients can
 * start more logins than the random nonces of one AES-GCM key allow (NIST SP 800-38D §8.3).
 */
export class SealedTexts {
  readonly #sealer: Sealer
  readonly #kind: 'login' | 'hand-over' | 'console'
  readonly #maxLength: number

  /**
   * @param sealer  sealer with the purpose `login-state`, for the console `console`: data that is sealed for another purpose under the same secret
   *   cannot be opened
   * @param kind  use of the texts: a text of one kind cannot be opened as a text of another
   * @param maxLength  maximum length of a text that is opened, characters
   */
  constructor(sealer: Sealer, kind: 'login' | 'hand-over' | 'console', maxLength: number) {
    this.#sealer = sealer
    this.#kind = kind
    this.#maxLength = maxLength
  }

  seal(content: Uint8Array): string {
    const salt = randomBytes(SALT_BYTES)
    return Buffer.concat([salt, this.#sealer.seal(content, this.#placeOf(salt))]).toString('base64url')
  }

  /**
   * Decrypts a text and returns its content; `undefined` when this cluster did not seal the text, or the text was
   * changed.
   */
  open(text: string): Buffer | undefined {
    if (text.length > this.#maxLength || !form.test(text)) return undefined
    const bytes = Buffer.from(text, 'base64url')
    // Accept only the canonical text of several base64url texts that encode the same bytes, so that one login cannot be
    // redeemed under several texts.
    if (bytes.toString('base64url') !== text) return undefined
    return this.#sealer.openBytes(bytes.subarray(SALT_BYTES), this.#placeOf(bytes.subarray(0, SALT_BYTES)))
  }

  #placeOf(salt: Buffer): string {
    return `${this.#kind} ${salt.toString('hex')}`
  }
}
