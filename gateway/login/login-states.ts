import type { Sealer } from '../base/sealer.ts'
import { ATTEMPT_MS, type LoginAttempt } from './attempt.ts'
import { SealedTexts } from './sealed-texts.ts'

/** Maximum length of `state`, in characters, because issuers and their proxies limit the length of URLs. */
const STATE_MAX = 1024
/**
 * Maximum length of `state` for a login that is handed over to another host, characters. This state names that host
 * too.
 */
const HAND_OVER_STATE_MAX = 1200
/**
 * Maximum length of a state that this node accepts for decryption, characters. The longest names of a host, a key and
 * an issuer need more than `HAND_OVER_STATE_MAX` even without a return path.
 */
const OPENED_MAX = 1536

/**
 * First byte of an encrypted login attempt, which states its format: `FORMAT` for a login at this host,
 * `HAND_OVER_FORMAT` for a login that is handed over to another host.
 */
const FORMAT = 1
const HAND_OVER_FORMAT = 2
const TIME_BYTES = 6
/**
 * Lengths of the binary fields of a login attempt, bytes: nonce, PKCE verifier; hashes of the login cookie, redirect
 * URI and issuer; session id.
 */
const parts = [32, 32, 16, 16, 16, 16] as const
/**
 * Lengths of the additional fields in `HAND_OVER_FORMAT`, bytes: hash of the login cookie at the other host, hash of
 * the request of that host.
 */
const handOverParts = [16, 16] as const
const HEAD_BYTES = 1 + 2 * TIME_BYTES
const noSession = '0'.repeat(32)

/** Encrypts login attempts into `state`, and decrypts them. */
export class LoginStates {
  readonly #texts: SealedTexts
  readonly #nowMs: () => number

  /** @param sealer  sealer with the purpose `login-state` */
  constructor(sealer: Sealer, nowMs: () => number = Date.now) {
    this.#texts = new SealedTexts(sealer, 'login', OPENED_MAX)
    this.#nowMs = nowMs
  }

  /**
   * Encrypts a login attempt into a state of at most 1,024 characters, or 1,200 for a login that is handed over. A
   * return path that does not fit is replaced by `/`.
   */
  seal(attempt: Omit<LoginAttempt, 'begunAtMs'>): string {
    const begun = { ...attempt, begunAtMs: this.#nowMs() }
    const state = this.#texts.seal(encode(begun))
    const max = attempt.handOver === undefined ? STATE_MAX : HAND_OVER_STATE_MAX
    return state.length <= max ? state : this.#texts.seal(encode({ ...begun, returnTo: '/' }))
  }

  /**
   * Decrypts the `state` of a login.
   *
   * @returns the login attempt; `undefined` when this cluster did not seal the state, the state was changed, or it is
   *   older than 15 minutes
   */
  open(state: string): LoginAttempt | undefined {
    const attempt = this.openExpired(state)
    return attempt !== undefined && this.#nowMs() < attempt.begunAtMs + ATTEMPT_MS ? attempt : undefined
  }

  /**
   * Decrypts the `state` of a login of any age, unlike {@link open}. An expired state is no proof of a login: it only
   * shows for which page the login was started.
   */
  openExpired(state: string): LoginAttempt | undefined {
    const content = this.#texts.open(state)
    return content && decode(content)
  }
}

/** Encodes a login attempt in binary form: as JSON, a return path of 512 characters would not fit into `state`. */
function encode(attempt: LoginAttempt): Buffer {
  const { issuerName, issuer, begunAtMs, begunAfterMs, returnTo, stepUp } = attempt
  const { nonce, codeVerifier, redirectUri, browser, session, handOver } = attempt
  const head = Buffer.alloc(HEAD_BYTES)
  head[0] = handOver === undefined ? FORMAT : HAND_OVER_FORMAT
  head.writeUIntBE(begunAtMs, 1, TIME_BYTES)
  head.writeUIntBE(begunAfterMs, 1 + TIME_BYTES, TIME_BYTES)
  const texts = [issuerName, returnTo, stepUp.acrValues?.join(' ') ?? '', stepUp.maxAgeS ?? '']
  const hashes = handOver === undefined ? [] : [handOver.browser, handOver.request]
  return Buffer.concat([
    head,
    ...[nonce, codeVerifier, browser, redirectUri, issuer].map((text) => Buffer.from(text, 'base64url')),
    Buffer.from(session ?? noSession, 'hex'),
    ...hashes.map((text) => Buffer.from(text, 'base64url')),
    Buffer.from([...texts, ...(handOver === undefined ? [] : [handOver.origin])].join('\n')),
  ])
}

function decode(content: Buffer): LoginAttempt | undefined {
  // Reject an unknown format: during an upgrade, a node can receive a state in the format of another release.
  const [format] = content
  if (format !== FORMAT && format !== HAND_OVER_FORMAT) return undefined
  const handedOver = format === HAND_OVER_FORMAT
  let at = HEAD_BYTES
  const take = (bytes: number): Buffer => {
    at += bytes
    return content.subarray(at - bytes, at)
  }
  const [nonce, codeVerifier, browser, redirectUri, issuer, session] = parts.map(take) as Six<Buffer>
  const [handOverBrowser, request] = (handedOver ? handOverParts : []).map((bytes) => take(bytes).toString('base64url'))
  const texts = content.toString('utf8', at).split('\n')
  const [issuerName, returnTo, acr, maxAge, origin] = texts as [string, string, string, string, string?]
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
    ...(handedOver && { handOver: { origin: origin!, browser: handOverBrowser!, request: request! } }),
  }
}

type Six<T> = [T, T, T, T, T, T]
