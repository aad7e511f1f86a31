import { performance } from 'node:perf_hooks'
import { GatewayFault } from '../base/fault.ts'
import type { Secrets } from '../config/secrets.ts'
import type { IntrospectionAnswer } from '../oauth/introspection.ts'
import type { IntrospectionRules, IssuerRules } from '../oauth/token-facts.ts'
import { Backoff } from './backoff.ts'
import { CertificateBound } from './certificate-bound.ts'
import { ClientAuthentication, type ClientCredentials } from './client-credentials.ts'
import { clientProof } from './client-proof.ts'
import { DiscoveredEndpoint } from './discovered-endpoint.ts'
import { errorReason } from './error-reason.ts'
import { ExcessQuestion } from './excess-question.ts'
import { FormCall, type FormReply, type FormRequest } from './form-call.ts'
import { isClientRefused, isUnsupportedToken, jwtMediaType, readReply } from './introspection-reply.ts'
import type { IssuerClient } from './issuer-client.ts'
import { UnreadableReply } from './issuer-http.ts'
import type { IssuerLog } from './key-set.ts'
import type { KeySource } from './key-source.ts'
import { type Asker, QuestionQueue } from './question-queue.ts'
import { QuestionRate } from './question-rate.ts'

export interface IntrospectorDependencies {
  /** Fetches the metadata of the issuer. */
  readonly client: IssuerClient
  /** Keys of issuers, to verify signed introspection responses. */
  readonly keys: KeySource
  readonly secrets: Secrets
  readonly log: IssuerLog
  /** Returns the time of a monotonic clock, ms. Default: the clock of the process. */
  readonly now?: (() => number) | undefined
}

/**
 * Maximum size of an introspection response, bytes. A usual response has a few hundred bytes; a response with a
 * thousand roles has tens of thousands.
 */
const MAX_BYTES = 256 * 1024
const LOG_INTERVAL_MS = 5000
/** Minimum time between two look-ups of the introspection endpoint after replies that reject the request, ms. */
const LOOK_UP_MS = 1000
/**
 * For this time (5 minutes, in ms) after a valid introspection response, the error `invalid_request` of the issuer
 * means an inactive token.
 */
const RECENT_ANSWER_MS = 5 * 60_000

/**
 * Result of an introspection request that the issuer rejected because of its rate limit. The request can be repeated.
 */
const tooMany = Symbol('429, or 503 with Retry-After')

/**
 * Sends introspection requests about tokens to one issuer (RFC 7662). Limits the number of concurrent requests, their
 * rate, and the duration of each request.
 */
export class Introspector {
  readonly #rules: IssuerRules
  readonly #introspection: IntrospectionRules
  readonly #dependencies: IntrospectorDependencies
  readonly #queue: QuestionQueue
  readonly #rate: QuestionRate
  readonly #backoff = new Backoff()
  readonly #authentication: ClientAuthentication
  readonly #call: CertificateBound<FormCall>
  readonly #endpoint: DiscoveredEndpoint
  #failing: string | undefined
  #loggedMs = Number.NEGATIVE_INFINITY
  #lookedUpMs = Number.NEGATIVE_INFINITY
  readonly #now: () => number
  /**
   * Credentials of the last request that got status 200 and a valid response from the issuer. `#answeredMs`: time of
   * that response, monotonic, ms.
   */
  #answeredTo: ClientCredentials | undefined
  #answeredMs = Number.NEGATIVE_INFINITY

  /** @throws {ConfigError} when a secret that the issuer's rules reference cannot be read */
  constructor(rules: IssuerRules, dependencies: IntrospectorDependencies) {
    this.#rules = rules
    this.#introspection = rules.introspection as IntrospectionRules
    this.#dependencies = dependencies
    this.#now = dependencies.now ?? (() => performance.now())
    this.#rate = new QuestionRate(this.#now)
    this.#endpoint = new DiscoveredEndpoint({
      client: dependencies.client,
      rules,
      member: 'introspection_endpoint',
      remedy: ', or set `introspection.endpoint` in the policy',
    })
    this.#queue = new QuestionQueue({ atOnce: this.#introspection.concurrency, rate: this.#rate })
    const place = { path: ['issuers', rules.name, 'introspection'], usedBy: `introspection at issuer ${rules.name}` }
    this.#authentication = new ClientAuthentication(this.#introspection.auth, place, dependencies.secrets)
    const connections = this.#introspection.concurrency
    this.#call = new CertificateBound(
      (certificate) => new FormCall({ connections, certificate, maxBytes: MAX_BYTES }),
      this.#authentication.presented,
      this.patienceMs,
    )
  }

  /**
   * Introspects one token. After a rate-limit reply (429, or 503 with `Retry-After`) the request is repeated, until
   * `introspection.timeout` of the issuer has passed since the call. Each request, also the last one, has this timeout
   * again. The caller decides whether the response makes the token valid.
   *
   * @throws {GatewayFault} `introspection-unavailable`, as a rejected promise, for every reply that does not clearly
   *   state whether the token is active
   */
  async ask(token: string, asker: Asker): Promise<IntrospectionAnswer> {
    const deadlineMs = this.#now() + this.#introspection.timeoutMs
    for (;;) {
      if (this.#backoff.resting)
        throw this.#fault('recent introspection requests had no reply; the gate pauses introspection at this issuer')
      const leftMs = deadlineMs - this.#now()
      const turn = leftMs > 0 ? await this.#queue.take(asker, leftMs) : 'late'
      if (turn !== 'granted') throw this.#refused(turn, asker)
      try {
        const answer = await this.#exchange(token)
        if (answer === tooMany) continue
        this.#logState(undefined)
        return answer
      } catch (error) {
        const isReported = error instanceof GatewayFault && error.reason === 'introspection-unavailable'
        const fault = isReported ? error : this.#fault(errorReason(error))
        this.#logState(fault.message)
        throw fault
      } finally {
        this.#queue.done(asker)
      }
    }
  }

  /**
   * Maximum duration of an introspection by {@link ask}, ms: the waits in the queue, and the last request. Each of the
   * two can take up to `introspection.timeout` of the issuer.
   */
  get patienceMs(): number {
    return 2 * this.#introspection.timeoutMs
  }

  /** Cancels the introspection requests in progress. */
  close(): Promise<void> {
    this.#authentication.close()
    return this.#call.close()
  }

  async #exchange(token: string): Promise<IntrospectionAnswer | typeof tooMany> {
    const sentMs = this.#now()
    const signal = AbortSignal.timeout(this.#introspection.timeoutMs)
    let reply: FormReply
    let shown: ClientCredentials
    try {
      shown = this.#authentication.presented
      reply = await this.#post(token, shown, signal)
      if ((reply.status === 401 || reply.status === 400) && !isUnsupportedToken(reply)) {
        this.#lookUpAgain()
        if (isClientRefused(reply)) this.#authentication.refused(shown)
        else this.#authentication.refresh()
        if (this.#authentication.presented !== shown) {
          shown = this.#authentication.presented
          reply = await this.#post(token, shown, signal)
        }
      }
    } catch (error) {
      if (error instanceof UnreadableReply) this.#backoff.answered()
      else this.#backoff.silent()
      throw signal.aborted ? this.#fault(`no reply within ${this.#introspection.timeoutMs} ms`) : error
    }
    this.#backoff.answered()
    if (reply.status === 429 || (reply.status === 503 && reply.retryAfterS !== undefined)) {
      this.#rate.limited(sentMs, reply.retryAfterS)
      this.#logState(
        this.#fault(`status ${reply.status}: rate limit of the issuer; the gate now sends requests more slowly`)
          .message,
      )
      return tooMany
    }
    const answeredRecently = shown === this.#answeredTo && this.#now() - this.#answeredMs < RECENT_ANSWER_MS
    const answer = await readReply(reply, this.#rules, this.#dependencies.keys, answeredRecently)
    if ('why' in answer) throw this.#fault(answer.why)
    if (reply.status === 200) {
      this.#answeredTo = shown
      this.#answeredMs = this.#now()
    }
    return answer
  }

  async #post(token: string, credentials: ClientCredentials, signal: AbortSignal): Promise<FormReply> {
    const { clientId, response } = this.#introspection
    const { auth, endpoint } = this.#introspection
    const url = endpoint ?? (await this.#endpoint.url(auth.method === 'tls_client_auth', signal))
    const accept = response === 'jwt' ? jwtMediaType : 'application/json'
    const fill = async (): Promise<FormRequest> => {
      const { authorization, parameters } = await clientProof(credentials, clientId, this.#rules.issuer)
      const form = { token, token_type_hint: 'access_token', ...parameters }
      return { form, headers: { accept, ...(authorization !== undefined && { authorization }) } }
    }
    return this.#call.with(credentials).post(url, fill, signal)
  }

  /** Makes the next request look up the introspection endpoint again, at most once a second. */
  #lookUpAgain(): void {
    if (performance.now() - this.#lookedUpMs < LOOK_UP_MS) return
    this.#lookedUpMs = performance.now()
    this.#endpoint.expire()
  }

  /** Logs an outage of the introspection once, logs it again when its cause changes, and logs its end. */
  #logState(failing: string | undefined): void {
    const now = performance.now()
    // Log at most one line about the introspection outage per `LOG_INTERVAL_MS`: an issuer can fail for certain tokens
    // only, and the state then changes often.
    if (failing === this.#failing || now - this.#loggedMs < LOG_INTERVAL_MS) return
    this.#loggedMs = now
    const fields = { issuer: this.#rules.name, ...(failing !== undefined && { error: failing }) }
    if (failing === undefined) this.#dependencies.log('info', 'issuer introspection works again', fields)
    else this.#dependencies.log('warn', 'issuer introspection fails', fields)
    this.#failing = failing
  }

  #refused(turn: 'late' | 'full', asker: Asker): GatewayFault {
    const why = 'too many introspection requests at once'
    return turn === 'full' && asker.kind === 'first'
      ? new ExcessQuestion('introspection-unavailable', this.#messageOf(why))
      : this.#fault(why)
  }

  #fault(why: string): GatewayFault {
    return new GatewayFault('introspection-unavailable', 'issuer', this.#messageOf(why))
  }

  #messageOf(why: string): string {
    return `introspection at issuer ${this.#rules.name} failed: ${why}`
  }
}
