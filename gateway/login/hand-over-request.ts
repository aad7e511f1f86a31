import type { StepUp } from '../base/denial.ts'
import type { Sealer } from '../base/sealer.ts'
import { attemptHash } from './attempt.ts'
import { SealedTexts } from './sealed-texts.ts'

/**
 * Request of a host for a login at the host of `login.host`. It travels encrypted in the browser's URL. Redis stores
 * nothing about a request before a hand-over code is issued for it.
 */
export interface HandOverRequest {
  /** Name in the policy of the issuer at which the login is requested. */
  readonly issuerName: string
  /** {@link attemptHash} of the identifier of this issuer. */
  readonly issuer: string
  /** Time of the host's request, ms since the epoch, by the clock of the node that sealed the request. */
  readonly begunAtMs: number
  /** Origin of the host that requests the login. */
  readonly origin: string
  /** Path and query of the requesting host to which the browser returns. */
  readonly returnTo: string
  /** {@link attemptHash} of the login cookie that the browser has for the requesting host. */
  readonly browser: string
  /** Id of the session that the browser has at the requesting host. The login must result in another session. */
  readonly session: string | undefined
  readonly stepUp: StepUp
  readonly prompt: 'login' | undefined
  /** Whether the redirect URI at the issuer has the prefix `/oauth2`. */
  readonly oauth2: boolean
}

/** Maximum time between a host's request for a login and its arrival at the host of `login.host`, ms. */
export const HAND_OVER_REQUEST_MS = 10 * 60_000
/**
 * Maximum length of the encrypted text of a hand-over request, characters. A return path, `acr` values and the longest
 * names fit.
 */
const REQUEST_MAX = 4096
const FORMAT = 1

type Content = Omit<HandOverRequest, 'stepUp'> & { readonly format: number } & StepUp

/**
 * Encrypts the requests by which hosts request a login at `login.host`, and decrypts them. Neither the browser nor
 * another party can read or change such a request.
 */
export class HandOverRequests {
  readonly #texts: SealedTexts
  readonly #nowMs: () => number

  /** @param sealer  sealer with the purpose `login-state` */
  constructor(sealer: Sealer, nowMs: () => number = Date.now) {
    this.#texts = new SealedTexts(sealer, 'hand-over', REQUEST_MAX)
    this.#nowMs = nowMs
  }

  seal({ stepUp, ...request }: Omit<HandOverRequest, 'begunAtMs'>): string {
    const content: Content = { ...request, ...stepUp, begunAtMs: this.#nowMs(), format: FORMAT }
    return this.#texts.seal(Buffer.from(JSON.stringify(content)))
  }

  /**
   * Decrypts a hand-over request: returns the request and its hash; `undefined` when this cluster did not seal it, or
   * it is older than 10 minutes.
   */
  open(text: string): { readonly request: HandOverRequest; readonly hash: string } | undefined {
    const request = this.openExpired(text)
    if (request === undefined || this.#nowMs() >= request.begunAtMs + HAND_OVER_REQUEST_MS) return undefined
    return { request, hash: attemptHash(text) }
  }

  /** Decrypts a hand-over request of any age. An expired request only shows for which page a login was started. */
  openExpired(text: string): HandOverRequest | undefined {
    const content = this.#texts.open(text)
    if (content === undefined) return undefined
    const { format, acrValues, maxAgeS, ...rest } = JSON.parse(content.toString()) as Content
    // Reject an unknown format: during an upgrade, a node can receive a request in the format of another release.
    if (format !== FORMAT) return undefined
    const { session = undefined, prompt = undefined } = rest as Partial<HandOverRequest>
    return { ...rest, session, prompt, stepUp: { acrValues, maxAgeS } }
  }
}
