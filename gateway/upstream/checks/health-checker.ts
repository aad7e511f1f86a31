import { Semaphore } from '../../base/semaphore.ts'
import { Supervisor, type TaskTimers } from '../../base/supervisor.ts'
import type { PooledTarget } from '../target.ts'
import type { UpstreamState } from '../upstream-state.ts'
import { HealthCheck } from './health-check.ts'
import type { CheckOutcome, HealthRules } from './health-rules.ts'

/** Maximum number of health checks of a node that run at the same time. */
export const CHECKS_MAX = 64
/** Longest time from the start of the node, or from a change of the policy, to the first check of an upstream, ms. */
const FIRST_MS = 1000
/** Maximum random deviation of the time between two health checks from their interval, as a share of the interval. */
const JITTER = 0.2

/** An upstream of a service that has health checks. */
export interface CheckedUpstream {
  /** Id of the service. */
  readonly service: string
  readonly origin: string
  /** Address of the upstream; `undefined`: the check looks the name up, or the URL has an address. */
  readonly address: string | undefined
  readonly rules: HealthRules
  readonly state: UpstreamState
  /** Opens a pool for one check, apart from the pool of the calls. */
  readonly open: () => PooledTarget
}

interface HealthCheckerOptions {
  readonly log: (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void
  readonly timers?: TaskTimers | undefined
  /** Returns a random number from 0 to 1, 1 excluded. */
  readonly random?: () => number
}

/**
 * The health checks of one upstream. If a new policy has the same rules for the upstream, its checks continue with the
 * new upstream object.
 */
interface RunningChecks {
  upstream: CheckedUpstream
  /** Ends the health checks. The outcome of a check that is running is then ignored. */
  end: (() => void) | undefined
}

/**
 * Checks the upstreams of services with `health`: each one on its own timer, with a random deviation, so that nodes do
 * not check at the same moment. An upstream counts as healthy before its first check.
 */
export class HealthChecker {
  readonly #log: HealthCheckerOptions['log']
  readonly #random: () => number
  readonly #task: Supervisor
  /** Slots for the health checks that run at the same time. At most one check of each upstream waits for a slot. */
  readonly #slots = new Semaphore(CHECKS_MAX, Number.POSITIVE_INFINITY)
  /** Checks of the policy in force, by service, then by origin, address and rules. @bound policy */
  readonly #running = new Map<string, Map<string, RunningChecks>>()
  #isStarted = false

  constructor({ log, timers, random = Math.random }: HealthCheckerOptions) {
    this.#log = log
    this.#random = random
    this.#task = new Supervisor('upstream-checks', timers)
  }

  /** Checks the health of these upstreams, and of no others. Upstreams with unchanged rules keep their timers. */
  follow(upstreams: readonly CheckedUpstream[]): void {
    const next = Map.groupBy(upstreams, ({ service }) => service)
    for (const service of this.#running.keys()) if (!next.has(service)) this.followService(service, [])
    for (const [service, checked] of next) this.followService(service, checked)
  }

  /** Checks these upstreams of a service, and no other upstreams of it. */
  followService(service: string, upstreams: readonly CheckedUpstream[]): void {
    const before = this.#running.get(service)
    const next = new Map<string, RunningChecks>()
    for (const upstream of upstreams) {
      const key = `${upstream.origin} ${upstream.address} ${JSON.stringify(upstream.rules)}`
      const checks = next.get(key) ?? before?.get(key) ?? { upstream, end: undefined }
      checks.upstream = upstream
      next.set(key, checks)
      if (this.#isStarted) checks.end ??= this.#repeat(checks)
    }
    for (const [key, checks] of before ?? []) {
      if (next.get(key) === checks) continue
      checks.end?.()
      checks.end = undefined
    }
    if (next.size === 0) this.#running.delete(service)
    else this.#running.set(service, next)
  }

  /** Starts the health checks. Before this call, `follow` only stores the upstreams to check. */
  start(): void {
    this.#isStarted = true
    for (const running of this.#running.values()) {
      for (const checks of running.values()) checks.end ??= this.#repeat(checks)
    }
  }

  #repeat(checks: RunningChecks): () => void {
    const { intervalMs } = checks.upstream.rules
    let pauseMs = (): number => {
      pauseMs = () => intervalMs * (1 + JITTER * (2 * this.#random() - 1))
      return this.#random() * Math.min(intervalMs, FIRST_MS)
    }
    return this.#task.repeat(
      () => pauseMs(),
      () => this.#check(checks),
    )
  }

  async #check(checks: RunningChecks): Promise<void> {
    // Leave the state of the upstream unchanged: without a slot for a check within the interval, the node has learned
    // nothing about it.
    if (!(await this.#slots.take(checks.upstream.rules.intervalMs))) return
    try {
      const { rules, open } = checks.upstream
      const check = new HealthCheck(rules, open())
      const cancel = this.#task.after(rules.timeoutMs, () => check.timeOut())
      const outcome = await check.run()
      cancel()
      if (checks.end !== undefined) this.#record(checks.upstream, outcome)
    } finally {
      this.#slots.done()
    }
  }

  #record({ service, origin, address, rules, state }: CheckedUpstream, outcome: CheckOutcome): void {
    const change = state.checked(outcome, rules)
    if (change === undefined) return
    const fields = { service, upstream: origin, address, check: outcome.detail }
    if (change === 'failing') this.#log('warn', 'upstream fails its health checks', fields)
    else this.#log('info', 'upstream passes its health checks again', fields)
  }

  close(): void {
    this.#isStarted = false
    this.follow([])
  }
}
