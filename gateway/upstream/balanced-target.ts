import type { PooledTarget, UpstreamTarget } from './target.ts'
import type { UpstreamState } from './upstream-state.ts'

/** Preference of an upstream for a call. An upstream with a lower value gets the call. */
export const Tier = { available: 0, tried: 1, avoided: 2, avoidedTried: 3, drained: 4, none: 5 } as const

/** Smallest share of its weight that an upstream gets during its slow start. */
const SLOW_START_MIN = 0.1
/**
 * Number by which the weight of an upstream is multiplied, and then divided by the number of its addresses (up to 64),
 * so that the shares of the addresses are whole numbers.
 */
const SHARE_UNIT = 6400

/**
 * Names of the states of an upstream, as the admin API and the metrics show them. The state `unresolved` (the name of
 * the upstream has no known address) comes from the lookups of names, the others from {@link BalancedTarget.stateAt}.
 */
export const upstreamStates = ['up', 'slow-start', 'resting', 'ejected', 'failing', 'drained', 'unresolved'] as const
export type UpstreamStateName = (typeof upstreamStates)[number]

/** One address of an upstream of a service, as the balancer of the service selects it. */
export class BalancedTarget {
  readonly target: PooledTarget
  /** Weight of the upstream, which its addresses share. */
  readonly weight: number
  readonly state: UpstreamState
  /** Results of {@link BalancedTarget.rate} for one call: preference, and share of the calls. */
  tier: number = Tier.none
  share = 0
  readonly #fullShare: number

  /** @param addresses  number of addresses of the upstream */
  constructor(target: PooledTarget, weight: number, state: UpstreamState, addresses = 1) {
    this.#fullShare = Math.ceil((weight * SHARE_UNIT) / addresses)
    this.target = target
    this.weight = weight
    this.state = state
  }

  /**
   * Whether the upstream gets its share of the calls, as other available upstreams do. @param now  ms of the monotonic
   * clock
   */
  isAvailable(now: number): boolean {
    const { state } = this
    if (state.isFailing || state.drainedUntil > now) return false
    return state.ejectedUntil <= now && this.target.health.restUntil <= now
  }

  /** Computes the preference and the share of the upstream for one call. */
  rate(now: number, slowStartMs: number, tried: readonly UpstreamTarget[] | undefined): void {
    const { state, target } = this
    const isTried = tried?.includes(target) === true
    if (state.drainedUntil > now) this.tier = Tier.drained
    else if (this.isAvailable(now)) this.tier = isTried ? Tier.tried : Tier.available
    else this.tier = isTried ? Tier.avoidedTried : Tier.avoided
    const agoMs = now - Math.max(state.returnedAt, target.health.returnedAt)
    this.share = this.#fullShare
    if (agoMs < slowStartMs) this.share = Math.ceil(this.share * Math.max(SLOW_START_MIN, agoMs / slowStartMs))
  }

  stateAt(now: number, slowStartMs: number): UpstreamStateName {
    const { state, target } = this
    if (state.drainedUntil > now) return 'drained'
    if (state.isFailing) return 'failing'
    if (state.ejectedUntil > now) return 'ejected'
    if (target.health.restUntil > now) return 'resting'
    return now - Math.max(state.returnedAt, target.health.returnedAt) < slowStartMs ? 'slow-start' : 'up'
  }
}
