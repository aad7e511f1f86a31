import { randomBytes } from 'node:crypto'
import type { Sealer } from '../base/sealer.ts'
import { ATTEMPT_MS, type LoginAttempt } from './attempt.ts'

/** Maximum length of `state`, in characters, because issuers and their proxies limit the length of URLs. */
const STATE_MAX = 1024
const form = /^[A-Za-z0-9_-]{1,1024}$/

const FORMAT = 1
const SALT_BYTES = 8
const TIME_BYTES = 6
/**
 * Lengths of the binary fields of a login attempt, bytes: nonce, PKCE verifier; hashes of the login cookie, redirect
 * URI and issuer; session id.
 */
const parts = [32, 32, 16, 16, 16, 16] as const
const HEAD_BYTES = 1 + 2 * TIME_BYTES
const TEXT_AT = HEAD_BYTES + parts.reduce((sum, bytes) => sum + bytes, 0)
const noSession = '0'.repeat(32)

/**
 * Encrypts login attempts into `state`, and decrypts them. Neither the browser nor the issuer can read or change an
 * attempt.
 *
 * A state is a salt (8 bytes) and a sealed blob, in base64url. Each salt derives a separate key, because clients can
 * start more logins than the random nonces of one AES-GCM key allow (NIST SP 800-38D §8.3).
 */
export class LoginStates {
  readonly #sealer: Sealer
  readonly #nowMs: () => number

  /**
   * @param sealer  sealer with the purpose `login-state`: data that is sealed for another purpose under the same secret
   *   cannot be opened as a state
   */
  constructor(sealer: Sealer, nowMs: () => number = Date.now) {
    this.#sealer = sealer
    this.#nowMs = nowMs
  }

  /**
   * Encrypts a login attempt into a state of at most 1,024 characters. A return path that does not fit is replaced by
   * `/`.
   */
  seal(attempt: Omit<LoginAttempt, 'begunAtMs'>): string {
    const begun = { ...attempt, begunAtMs: this.#nowMs() }
    const state = this.#seal(begun)
    return state.length <= STATE_MAX ? state : this.#seal({ ...begun, returnTo: '/' })
  }

  /**
   * @returns the login attempt; `undefined` when this cluster did not seal the state, the state was changed, or it is
   *   older than 15 minutes
   */
  open(state: string): LoginAttempt | undefined {
    const attempt = this.openExpired(state)
    return attempt !== undefined && this.#nowMs() < attempt.begunAtMs + ATTEMPT_MS ? attempt : undefined
  }

  /**
   * Decrypts a state of any age, unlike {@link open}. An expired state is no proof of a login: it only shows for which
   * page the login was started.
   */
  openExpired(state: string): LoginAttempt | undefined {
    if (!form.test(state)) return undefined
    const bytes = Buffer.from(state, 'base64url')
    // Several base64url texts can encode the same bytes. Only the canonical text is accepted, so that one attempt
    // cannot be redeemed under several texts.
    if (bytes.toString('base64url') !== state) return undefined
    const content = this.#sealer.openBytes(bytes.subarray(SALT_BYTES), placeOf(bytes.subarray(0, SALT_BYTES)))
    return content && decode(content)
  }

  #seal(attempt: LoginAttempt): string {
    const salt = randomBytes(SALT_BYTES)
    return Buffer.concat([salt, this.#sealer.seal(encode(attempt), placeOf(salt))]).toString('base64url')
  }
}

function placeOf(salt: Buffer): string {
  return `login ${salt.toString('hex')}`
}

/** Encodes a login attempt in binary form: as JSON, a return path of 512 characters would not fit into `state`. */
function encode(attempt: LoginAttempt): Buffer {
  const { issuerName, issuer, begunAtMs, begunAfterMs, returnTo, stepUp } = attempt
  const { nonce, codeVerifier, redirectUri, browser, session } = attempt
  const head = Buffer.alloc(HEAD_BYTES)
  head[0] = FORMAT
  head.writeUIntBE(begunAtMs, 1, TIME_BYTES)
  head.writeUIntBE(begunAfterMs, 1 + TIME_BYTES, TIME_BYTES)
  const texts = [issuerName, returnTo, stepUp.acrValues?.join(' ') ?? '', stepUp.maxAgeS ?? '']
  return Buffer.concat([
    head,
    ...[nonce, codeVerifier, browser, redirectUri, issuer].map((text) => Buffer.from(text, 'base64url')),
    Buffer.from(session ?? noSession, 'hex'),
    Buffer.from(texts.join('\n')),
  ])
}

function decode(content: Buffer): LoginAttempt | undefined {
  // During an upgrade, a node can receive a state in the format of another release.
  if (content[0] !== FORMAT) return undefined
  let at = HEAD_BYTES
  const [nonce, codeVerifier, browser, redirectUri, issuer, session] = parts.map((bytes) => {
    at += bytes
    return content.subarray(at - bytes, at)
  }) as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer]
  const [issuerName, returnTo, acr, maxAge] = content.toString('utf8', TEXT_AT).split('\n') as [
    string,
    string,
    string,
    string,
  ]
  const sessionId = session.toString('hex')
  return {
    issuerName,
    issuer: issuer.toString('base64url'),
    begunAtMs: content.readUIntBE(1, TIME_BYTES),
    begunAfterMs: content.readUIntBE(1 + TIME_BYTES, TIME_BYTES),
    returnTo,
    nonce: nonce.toString('base64url'),
    codeVerifier: codeVerifier.toString('base64url'),
    stepUp: {
      acrValues: acr === '' ? undefined : acr.split(' '),
      maxAgeS: maxAge === '' ? undefined : Number(maxAge),
    },
    redirectUri: redirectUri.toString('base64url'),
    browser: browser.toString('base64url'),
    session: sessionId === noSession ? undefined : sessionId,
  }
}
