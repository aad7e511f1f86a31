import { GatewayFault } from '../base/fault.ts'
import { instruments } from './instruments.ts'
import type { MetricSink, MetricSource } from './metrics.ts'
import { NamedCounts } from './named-counts.ts'

/** Outcome of a request for a token. The help of `gatehouse_token_requests_total` explains each outcome. */
type Outcome = 'granted' | 'refused' | 'misconfigured' | 'unavailable'

/** Counts the requests for tokens of callers, by issuer and outcome. */
export class TokenRequestCounts implements MetricSource {
  readonly #purpose: 'exchange' | 'client'
  /** Number of token requests by issuer and outcome. @bound policy */
  readonly #counts = new NamedCounts<Record<Outcome, number>>(() => ({
    granted: 0,
    refused: 0,
    misconfigured: 0,
    unavailable: 0,
  }))

  constructor(purpose: 'exchange' | 'client') {
    this.#purpose = purpose
  }

  /** Counts the outcome of one token request. @param isGranted  whether a result is a granted token, not a refusal */
  async counted<T>(issuer: string, request: Promise<T>, isGranted: (result: T) => boolean): Promise<T> {
    try {
      const result = await request
      this.#add(issuer, isGranted(result) ? 'granted' : 'refused')
      return result
    } catch (error) {
      const isWrong = error instanceof GatewayFault && error.reason === 'exchange-misconfigured'
      this.#add(issuer, isWrong ? 'misconfigured' : 'unavailable')
      throw error
    }
  }

  collect(sink: MetricSink): void {
    for (const [issuer, counts] of this.#counts.entries()) {
      for (const [outcome, count] of Object.entries(counts)) {
        sink.value(instruments.tokenRequests, count, { purpose: this.#purpose, issuer, outcome })
      }
    }
  }

  #add(issuer: string, outcome: Outcome): void {
    this.#counts.of(issuer)[outcome]++
  }
}
