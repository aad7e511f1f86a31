import { performance } from 'node:perf_hooks'
import { type BalancedTarget, Tier } from './balanced-target.ts'
import type { EjectionCause, EjectionRules } from './ejection-rules.ts'
import { erring, slow } from './outliers.ts'
import { ServiceRetries } from './service-retries.ts'
import type { PooledTarget, UpstreamTarget } from './target.ts'

interface BalancerOptions {
  /** Rules by which upstreams are ejected; `undefined`: no upstream is ejected. */
  readonly ejection?: EjectionRules | undefined
  /** Duration of the slow start, ms: an upstream that returns gets its whole share of the calls after this time. */
  readonly slowStartMs?: number
  /** Called when an upstream is ejected. @param ms  duration of the ejection, ms */
  readonly onEjected?: (member: BalancedTarget, cause: EjectionCause, ms: number) => void
  /** Counts of the retries of the service. Default: new counts. */
  readonly retries?: ServiceRetries
  /** Returns a random number from 0 to 1, 1 excluded. */
  readonly random?: () => number
}

/**
 * Selects an upstream of one service for each call: of two random upstreams, the one with fewer calls in flight for its
 * weight (power of two choices, Mitzenmacher 2001). An upstream that hangs or is overloaded therefore gets few calls.
 *
 * Prefers upstreams that are not drained, not ejected, not in back-off, and whose health checks succeed. When no
 * upstream is available, it selects one of the others anyway: the attempt can succeed, and a failed attempt gives a more
 * precise error. A drained upstream gets calls only when all upstreams of the service are drained.
 */
export class Balancer {
  /** Addresses of the upstreams. @bound policy */
  #members: readonly BalancedTarget[] = []
  readonly slowStartMs: number
  readonly retries: ServiceRetries
  readonly #ejection: EjectionRules | undefined
  /** Rules of ejection that apply now; `undefined` while the service has fewer than two members. */
  #rules: EjectionRules | undefined
  readonly #onEjected: NonNullable<BalancerOptions['onEjected']>
  readonly #random: () => number
  /** Maximum number of upstreams that get no calls. Above it, no further upstream is ejected. */
  #ejectedMax = 0

  constructor(members: readonly BalancedTarget[], options: BalancerOptions = {}) {
    const { ejection, slowStartMs = 0, retries, onEjected = () => {}, random = Math.random } = options
    this.slowStartMs = slowStartMs
    this.retries = retries ?? new ServiceRetries()
    this.#ejection = ejection
    this.#onEjected = onEjected
    this.#random = random
    this.members = members
  }

  /** Addresses of the upstreams of the service, at least one. */
  get members(): readonly BalancedTarget[] {
    return this.#members
  }

  set members(members: readonly BalancedTarget[]) {
    const ejection = this.#ejection
    this.#members = members
    this.#rules = members.length > 1 ? ejection : undefined
    this.#ejectedMax = Math.min(members.length - 1, Math.floor(members.length * (ejection?.maxEjected ?? 0)))
  }

  get targets(): readonly PooledTarget[] {
    return this.members.map(({ target }) => target)
  }

  /** Number of members of the service: the addresses of its upstreams. */
  get size(): number {
    return this.members.length
  }

  /**
   * Selects the upstream for a call.
   *
   * @param tried  upstreams on which the request has failed; others are preferred
   */
  next(tried?: readonly UpstreamTarget[]): PooledTarget {
    const members = this.#members
    if (members.length === 1) return members[0]!.target
    const now = performance.now()
    if (this.#rules !== undefined) this.#ejectFailed(this.#rules, now)
    let best: number = Tier.none
    let total = 0
    for (const member of members) {
      member.rate(now, this.slowStartMs, tried)
      if (member.tier > best) continue
      if (member.tier < best) {
        best = member.tier
        total = 0
      }
      total += member.share
    }
    const first = this.#pick(best, total, undefined)
    const rest = total - first.share
    if (rest === 0) return first.target
    const second = this.#pick(best, rest, first)
    const isLess = second.target.calls * first.share < first.target.calls * second.share
    return (isLess ? second : first).target
  }

  /**
   * Selects one of the upstreams with this preference at random, in proportion to their shares. @param total  sum of
   * their shares
   */
  #pick(tier: number, total: number, except: BalancedTarget | undefined): BalancedTarget {
    let left = this.#random() * total
    let last: BalancedTarget | undefined
    for (const member of this.#members) {
      if (member.tier !== tier || member === except) continue
      last = member
      left -= member.share
      if (left < 0) break
    }
    return last!
  }

  /** Ejects the upstreams whose latest calls have all failed. */
  #ejectFailed({ failures, errors }: EjectionRules, now: number): void {
    for (const member of this.#members) {
      const { health } = member.target
      if (health.failuresInRow >= failures) this.#eject(member, 'failures', now)
      else if (health.errorsInRow >= errors) this.#eject(member, 'errors', now)
    }
  }

  /**
   * Compares the upstreams, and ejects at most one for its errors and one for its latency. Called every second.
   *
   * @param now  ms of the monotonic clock
   */
  compare(now: number): void {
    const rules = this.#rules
    if (rules === undefined) return
    // Discard the outcomes of calls that end during an ejection: the calls began before it, so the outcomes do not show
    // whether the upstream has recovered.
    for (const { state, target } of this.members) if (state.ejectedUntil > now) target.health.forget()
    const compared = this.members.filter((member) => member.isAvailable(now))
    const failing = erring(compared, rules)
    if (failing !== undefined) this.#eject(failing, 'error_rate', now)
    const late = slow(compared, rules)
    if (late !== undefined && late !== failing) this.#eject(late, 'slower', now)
  }

  #eject(member: BalancedTarget, cause: EjectionCause, now: number): void {
    const { state, target } = member
    if (state.ejectedUntil > now) return
    let unavailable = 0
    for (const other of this.members) if (other !== member && !other.isAvailable(now)) unavailable++
    if (unavailable >= this.#ejectedMax) return
    const ms = state.eject(now, this.#rules!)
    target.health.forget()
    this.#onEjected(member, cause, ms)
  }
}
