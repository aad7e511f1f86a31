import { randomBytes } from 'node:crypto'
import type { Sealer } from '../../base/sealer.ts'
import { type LoginSecrets, newLoginSecrets } from '../../issuers/login-client.ts'
import { SealedTexts } from '../../login/sealed-texts.ts'

/**
 * Log-in to the console that is in progress at the issuer. The browser keeps it, sealed (encrypted), in a cookie: only
 * the browser that began the log-in can complete it (RFC 9700 §4.7).
 */
export interface LogInAttempt extends LoginSecrets {
  /** Parameter `state` of the authorization request: 32 random bytes in base64url. */
  readonly state: string
  /** Path of the console to which the browser goes after the log-in. */
  readonly to: string
  readonly begunAtMs: number
}

/** Maximum time between the start of a log-in to the console and the response of the issuer, ms: 10 minutes. */
export const LOG_IN_MS = 10 * 60_000
/**
 * Maximum length of an encrypted log-in attempt that is decrypted, characters. Browsers keep cookies of 4096 bytes at
 * most.
 */
const SEALED_MAX = 3900

/**
 * Encrypts log-in attempts into a cookie when they begin, and decrypts them when the browser returns from the issuer.
 */
export class LogInAttempts {
  readonly #texts: SealedTexts
  readonly #nowMs: () => number

  /** @param sealer  sealer with the purpose `console` */
  constructor(sealer: Sealer, nowMs: () => number) {
    this.#texts = new SealedTexts(sealer, 'console', SEALED_MAX)
    this.#nowMs = nowMs
  }

  /** Begins a log-in to the console. `sealed` is the encrypted attempt, the value of the log-in cookie. */
  begin(to: string): { readonly attempt: LogInAttempt; readonly sealed: string } {
    const state = randomBytes(32).toString('base64url')
    const attempt = { ...newLoginSecrets(), state, to, begunAtMs: this.#nowMs() }
    return { attempt, sealed: this.#texts.seal(Buffer.from(JSON.stringify(attempt))) }
  }

  /**
   * Decrypts a log-in attempt; `undefined` when this cluster did not encrypt it, or it was changed, or it is older than
   * 10 minutes.
   */
  open(sealed: string): LogInAttempt | undefined {
    const content = this.#texts.open(sealed)
    const attempt = content && (JSON.parse(content.toString()) as LogInAttempt)
    return attempt !== undefined && this.#nowMs() < attempt.begunAtMs + LOG_IN_MS ? attempt : undefined
  }
}
