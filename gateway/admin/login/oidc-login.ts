import type { IncomingMessage } from 'node:http'
import { addressKey } from '../../base/address-key.ts'
import { foldMapped, parseAddress, unknownAddress } from '../../base/addresses.ts'
import { GatewayFault, ignoreOutage } from '../../base/fault.ts'
import type { Sealer } from '../../base/sealer.ts'
import { Supervisor } from '../../base/supervisor.ts'
import type { GrantedTokens, LoginCaller, LoginClient, LoginGrant } from '../../issuers/login-client.ts'
import { AddressLimit } from '../../limits/address-limit.ts'
import { bringsCode } from '../../login/authorization-reply.ts'
import { ApiProblem } from '../api-problem.ts'
import type { AdminLog } from '../call-log.ts'
import type { OperatorSession } from './console-session.ts'
import { type LogInAttempt, LogInAttempts } from './log-in-attempts.ts'

export interface OidcLoginDependencies {
  readonly client: Pick<LoginClient, 'begin' | 'finish' | 'refresh' | 'revoke' | 'close'>
  /** Identifier of the issuer. */
  readonly issuer: string
  /** Setting `admin.login.origin`. */
  readonly origin: string
  /** Sealer with the purpose `console`. */
  readonly sealer: Sealer
  readonly log: AdminLog
  /** Clock, ms since the epoch. */
  readonly nowMs: () => number
}

/**
 * Reason of a failed log-in, for the console. `denied`: the issuer refused. `expired`: the attempt is too old, or began
 * in another browser. `failed`: the issuer is unavailable, or its response is invalid.
 */
export type LogInFailure = 'denied' | 'expired' | 'failed'

/**
 * Limit of log-ins that one client address begins: number at once, and number per second after that. An issuer with
 * pushed authorization requests (RFC 9126) is called for each.
 */
const BEGUN_BURST = 20
const BEGUN_PER_SECOND = 1

const noStepUp = { acrValues: undefined, maxAgeS: undefined }

/** Log-in to the console at the issuer of the admin API: authorization code with PKCE, `state`, `nonce` and `iss`. */
export class OidcLogin {
  readonly #dependencies: OidcLoginDependencies
  readonly #attempts: LogInAttempts
  readonly #begun = new AddressLimit({ perSecond: BEGUN_PER_SECOND, burst: BEGUN_BURST })
  readonly #revocations = new Supervisor('logout-tokens')

  constructor(dependencies: OidcLoginDependencies) {
    this.#dependencies = dependencies
    this.#attempts = new LogInAttempts(dependencies.sealer, dependencies.nowMs)
  }

  get origin(): string {
    return this.#dependencies.origin
  }

  get #redirectUri(): string {
    return `${this.origin}/callback`
  }

  /**
   * Begins a log-in.
   *
   * @returns the URL of the issuer to which the browser goes, and the value of the cookie of the attempt
   * @throws {ApiProblem} 429 when the address of the client has begun too many log-ins
   */
  async begin(
    request: IncomingMessage,
    to: string,
  ): Promise<{ readonly url: string; readonly sealed: string } | LogInFailure> {
    const address = addressOf(request)
    if (this.#begun.exhausted(address)) {
      const fields = { 'retry-after': String(this.#begun.retryAfterS) }
      throw new ApiProblem('too_many_requests', 'too many log-ins from this address; wait before the next one', {
        fields,
      })
    }
    this.#begun.charge(address)
    const { attempt, sealed } = this.#attempts.begin(to)
    const checks = { ...attempt, stepUp: noStepUp, prompt: undefined }
    return this.#answered(async () => {
      const begun = await this.#dependencies.client.begin(this.#redirectUri, checks, callerOf(address))
      if (typeof begun === 'string') return { url: begun, sealed }
      this.#dependencies.log('warn', 'log-in to the console cannot begin', { problem: begun?.why })
      return 'failed'
    })
  }

  /**
   * Returns the attempt of a response of the issuer; `undefined` when the browser has not begun the log-in, or too long
   * ago. Does not call the issuer.
   *
   * @param sealed  value of the cookie of the attempt
   */
  attemptOf(query: URLSearchParams, sealed: string | undefined): LogInAttempt | undefined {
    const attempt = sealed === undefined ? undefined : this.#attempts.open(sealed)
    const [state, ...more] = query.getAll('state')
    return attempt !== undefined && more.length === 0 && state === attempt.state ? attempt : undefined
  }

  /** Completes a log-in: exchanges the code for tokens, and validates the ID token. */
  async finish(
    request: IncomingMessage,
    query: URLSearchParams,
    attempt: LogInAttempt,
  ): Promise<LoginGrant | LogInFailure> {
    const { client, issuer, log } = this.#dependencies
    // Refuse a response without a code before the issuer is called. An error response is passed on: it has no code.
    if (!bringsCode(query, issuer) && !query.has('error')) return 'failed'
    return this.#answered(async () => {
      const reply = new URL(`${this.#redirectUri}?${query}`)
      const granted = await client.finish(reply, { ...attempt, stepUp: noStepUp }, callerOf(addressOf(request)))
      if (granted !== undefined && !('refused' in granted)) return granted
      log('warn', 'log-in to the console refused', { problem: granted?.why })
      return granted?.refused === 'login-denied' ? 'denied' : 'failed'
    })
  }

  /**
   * Exchanges the refresh token of a session.
   *
   * @returns `refused` when the issuer no longer accepts the refresh token
   * @throws {GatewayFault} as a rejection: the issuer is unavailable
   */
  async refresh(refreshToken: string): Promise<GrantedTokens | 'refused'> {
    const tokens = await this.#dependencies.client.refresh(refreshToken)
    if (tokens === 'invalid_grant') return 'refused'
    if (!('unusable' in tokens)) return tokens
    this.#dependencies.log('warn', 'tokens of a session of the console cannot be refreshed', {
      problem: tokens.unusable,
    })
    return 'refused'
  }

  /** Revokes the refresh token of an ended session at the issuer, in the background. An outage leaves it valid there. */
  forget({ refreshToken }: OperatorSession): void {
    if (refreshToken === undefined) return
    const revoke = () => ignoreOutage(this.#dependencies.client.revoke(refreshToken, 'refresh_token'))
    void this.#revocations.attempt(revoke)
  }

  close(): Promise<void> {
    return this.#dependencies.client.close()
  }

  async #answered<T>(work: () => Promise<T>): Promise<T | 'failed'> {
    try {
      return await work()
    } catch (error) {
      // The login client has logged why the issuer is unavailable.
      if (error instanceof GatewayFault && error.reason === 'issuer-unreachable') return 'failed'
      throw error
    }
  }
}

function addressOf({ socket }: IncomingMessage): Uint8Array {
  const address = parseAddress(socket.remoteAddress ?? '')
  return address === undefined ? unknownAddress : foldMapped(address)
}

function callerOf(address: Uint8Array): LoginCaller {
  return { address: addressKey(address), known: false, permit: () => true }
}
