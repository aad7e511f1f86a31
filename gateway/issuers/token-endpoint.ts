import { performance } from 'node:perf_hooks'
import { GatewayFault } from '../base/fault.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { Backoff } from './backoff.ts'
import type { ClientProof } from './client-proof.ts'
import { DiscoveredEndpoint } from './discovered-endpoint.ts'
import { errorReason } from './error-reason.ts'
import { ExcessQuestion } from './excess-question.ts'
import { type Form, FormCall, type FormReply, type FormRequest } from './form-call.ts'
import { type GrantError, type GrantedToken, readGrant, type UnusableGrant } from './grant-reply.ts'
import type { IssuerClient } from './issuer-client.ts'
import { UnreadableReply } from './issuer-http.ts'
import { type Asker, QuestionQueue } from './question-queue.ts'
import { QuestionRate } from './question-rate.ts'

/** Maximum number of concurrent calls to one token endpoint. */
const CONCURRENCY = 32
/** Maximum size of a token response, bytes. */
const MAX_BYTES = 256 * 1024

export interface TokenEndpointOptions {
  /** Fetches the metadata of the issuer. */
  readonly client: IssuerClient
  readonly rules: IssuerRules
  /** Maximum wait for a slot, and for one reply, ms. */
  readonly timeoutMs: number
  /** Client certificate of the gate for mutual TLS, as PEM text. */
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined
  /** Returns the monotonic time, ms. Default: the clock of the process. */
  readonly now?: (() => number) | undefined
}

/**
 * Result of a token request: a token, the error by which the issuer refuses the request, or the reason why the gate
 * cannot use the granted token.
 */
export type Grant = GrantedToken | GrantError | UnusableGrant

/** Result of a request that the issuer rejected because of its rate limit. The request can be repeated. */
const tooMany = Symbol('429, or 503 with Retry-After')

/**
 * Sends token requests to the token endpoint of one issuer (RFC 6749 §3.2). Limits the number of concurrent requests,
 * their rate, and the duration of each request. Waiting requests are served as {@link QuestionQueue} describes.
 */
export class TokenEndpoint {
  readonly #options: TokenEndpointOptions
  readonly #endpoint: DiscoveredEndpoint
  readonly #call: FormCall
  readonly #queue: QuestionQueue
  readonly #rate: QuestionRate
  readonly #backoff = new Backoff()
  readonly #now: () => number

  constructor(options: TokenEndpointOptions) {
    const { client, rules, certificate, now } = options
    this.#options = options
    this.#now = now ?? (() => performance.now())
    this.#endpoint = new DiscoveredEndpoint({ client, rules, member: 'token_endpoint', remedy: '' })
    this.#call = new FormCall({ connections: CONCURRENCY, certificate, maxBytes: MAX_BYTES })
    this.#rate = new QuestionRate(this.#now)
    this.#queue = new QuestionQueue({ atOnce: CONCURRENCY, rate: this.#rate })
  }

  /**
   * Requests one token from the endpoint. After a rate-limit reply (429, or 503 with `Retry-After`) the request is
   * repeated, until the timeout has passed since the call. Each request, also the last one, has this timeout again.
   * When the connection breaks, the request is repeated once: a second token is harmless.
   *
   * @param form   parameters of the grant
   * @param proof  returns the client authentication of one request
   * @param asker  client for which the issuer is called; it determines the order of waiting requests
   * @throws {GatewayFault} `issuer-unreachable`, as a rejection, for a reply that neither grants nor refuses
   */
  async request(form: Form, proof: () => ClientProof | Promise<ClientProof>, asker: Asker): Promise<Grant> {
    const { timeoutMs } = this.#options
    const deadlineMs = this.#now() + timeoutMs
    for (;;) {
      if (this.#backoff.resting)
        throw this.#fault(
          'recent requests to the token endpoint had no reply; the gate pauses requests to the endpoint',
        )
      const leftMs = deadlineMs - this.#now()
      const turn = leftMs > 0 ? await this.#queue.take(asker, leftMs) : 'late'
      if (turn !== 'granted') throw this.#refused(turn, asker)
      try {
        const grant = await this.#exchange(form, proof)
        if (grant !== tooMany) return grant
      } catch (error) {
        throw error instanceof GatewayFault ? error : this.#fault(errorReason(error))
      } finally {
        this.#queue.done(asker)
      }
    }
  }

  /** Maximum duration of a token request by {@link request}, ms: the waits in the queue, and the last call. */
  get patienceMs(): number {
    return 2 * this.#options.timeoutMs
  }

  /** Cancels the calls to the token endpoint that are in progress. */
  close(): Promise<void> {
    return this.#call.close()
  }

  async #exchange(form: Form, proof: () => ClientProof | Promise<ClientProof>): Promise<Grant | typeof tooMany> {
    const sentMs = this.#now()
    const askedMs = Date.now()
    const { timeoutMs, certificate } = this.#options
    const signal = AbortSignal.timeout(timeoutMs)
    let reply: FormReply
    const secrets = [form['subject_token'], form['actor_token']].filter((each) => typeof each === 'string')
    try {
      const url = await this.#endpoint.url(certificate !== undefined, signal)
      const fill = async (): Promise<FormRequest> => {
        const { authorization, parameters, secret } = await proof()
        if (secret !== undefined) secrets.push(secret)
        const headers = { accept: 'application/json', ...(authorization !== undefined && { authorization }) }
        return { form: { ...form, ...parameters }, headers }
      }
      reply = await this.#call.post(url, fill, signal)
    } catch (error) {
      if (error instanceof UnreadableReply) this.#backoff.answered()
      else this.#backoff.silent()
      throw signal.aborted ? this.#fault(`no reply within ${timeoutMs} ms`) : error
    }
    this.#backoff.answered()
    if (reply.status === 429 || (reply.status === 503 && reply.retryAfterS !== undefined)) {
      this.#rate.limited(sentMs, reply.retryAfterS)
      return tooMany
    }
    const grant = readGrant(reply, askedMs, secrets)
    if ('why' in grant) throw this.#fault(grant.why)
    // If a reply of the token endpoint has no OAuth error code, the endpoint may have moved to another URL: look up its
    // URL again for the next request.
    if ('error' in grant && grant.error.startsWith('status ')) this.#endpoint.expire()
    return grant
  }

  #refused(turn: 'late' | 'full', asker: Asker): GatewayFault {
    const why = 'too many requests to the token endpoint at once'
    return turn === 'full' && asker.kind === 'first'
      ? new ExcessQuestion('issuer-unreachable', this.#messageOf(why))
      : this.#fault(why)
  }

  #fault(why: string): GatewayFault {
    return new GatewayFault('issuer-unreachable', 'issuer', this.#messageOf(why))
  }

  #messageOf(why: string): string {
    return `token request at issuer ${this.#options.rules.name} failed: ${why}`
  }
}
