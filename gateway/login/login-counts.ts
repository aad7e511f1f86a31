import { GatewayFault } from '../base/fault.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { instruments } from '../telemetry/instruments.ts'
import type { MetricSink, MetricSource } from '../telemetry/metrics.ts'
import { NamedCounts } from '../telemetry/named-counts.ts'
import type { LoginReply, LoginReplyReason } from './login-reply.ts'

/** Outcome of a step of a login at its issuer. The help of `gatehouse_logins_total` explains each outcome. */
type LoginOutcome = 'begun' | 'done' | 'refused' | 'misconfigured' | 'unavailable'

/** Outcomes of login steps by the reason of the reply; replies with other reasons count as refusals. */
const outcomes: Partial<Record<LoginReplyReason, LoginOutcome>> = {
  'login-begun': 'begun',
  'logged-in': 'done',
  'login-handed-over': 'done',
  'login-misconfigured': 'misconfigured',
}

/** Counts logins by issuer and outcome. The label values are names of issuers in the policy. */
export class LoginCounts implements MetricSource {
  readonly #issuers: () => ReadonlyMap<string, IssuerRules>
  /** Number of login steps by issuer and outcome. @bound policy */
  readonly #counts = new NamedCounts<Record<LoginOutcome, number>>(() => ({
    begun: 0,
    done: 0,
    refused: 0,
    misconfigured: 0,
    unavailable: 0,
  }))

  /** @param issuers  returns the issuers of the policy in force */
  constructor(issuers: () => ReadonlyMap<string, IssuerRules>) {
    this.#issuers = issuers
  }

  /** Counts the outcome of one login step. A step that exceeds the limit of its client address is not counted. */
  async counted(
    issuer: string,
    step: Promise<LoginReply | 'address-limited'>,
  ): Promise<LoginReply | 'address-limited'> {
    try {
      const reply = await step
      if (reply !== 'address-limited') this.#counts.of(issuer)[outcomes[reply.reason] ?? 'refused']++
      return reply
    } catch (error) {
      if (error instanceof GatewayFault) this.#counts.of(issuer).unavailable++
      throw error
    }
  }

  /** Emits the counts of every login issuer of the policy, also of those without a login: a rate needs the 0 before. */
  collect(sink: MetricSink): void {
    for (const { name, login } of this.#issuers().values()) if (login !== undefined) this.#counts.of(name)
    for (const [issuer, counts] of this.#counts.entries()) {
      for (const [outcome, count] of Object.entries(counts)) sink.value(instruments.logins, count, { issuer, outcome })
    }
  }
}
