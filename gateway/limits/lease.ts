/** A lease: the limit whose permits are leased in advance, and the node that leases them. */
export interface LeaseTerms {
  readonly requests: number
  readonly windowMs: number
  readonly tickUs: number
  /** Number of permits that each request costs. */
  readonly cost: number
  /** Random id of this process of the node. No other process has the same id. */
  readonly node: string
  /**
   * Serial number of this lease object, unique in the process. One process can lease from one window with several
   * objects: after it dropped the window, or after a policy change.
   */
  readonly serial: number
}

/** Arguments of the Redis script lease-permits.lua. */
export interface LeaseCall {
  /** Duration of the new lease, ticks. 0: the call only settles the current lease, and no new one is granted. */
  readonly holdTicks: number
  readonly held: string
  readonly kept: number
  readonly wanted: number
  readonly needed: number
  /** Name of the lease object in Redis, unique in the cluster. */
  readonly owner: string
  /** Number of this call. Each call of the lease object has a higher number. */
  readonly call: number
  /** Number of groups of spent permits that calls with a reply have reported. */
  readonly reported: number
  /**
   * Spent permits to report to Redis, in groups, as a flat list of two numbers per group: age of its latest spend, µs,
   * and number of permits.
   */
  readonly spent: readonly number[]
}

export interface LeaseReply {
  readonly lease: string
  readonly permits: number
  /** Time until `needed` permits are free, ms; 0 when the permits were granted. */
  readonly waitMs: number
  /** Number of nodes with leases on the rate limit window, including this node. */
  readonly holders: number
  /** Room in the rate limit window that is not taken by leased permits, as a number of requests. */
  readonly left: number
}

interface Flight {
  readonly sentMs: number
  readonly deadlineMs: number
  readonly wanted: number
  /** Number of groups of spent permits that the call to Redis reports. */
  readonly groups: number
}

/**
 * Minimum and maximum number of calls to Redis per window for all nodes together, while at most half of the limit is
 * free. With more calls, other nodes have fewer unused permits, but Redis has more work. Between these limits, the
 * nodes make one call per 60 requests of the limit. The resulting time between two calls of a node is
 * limited to `SPACING_MIN_MS` to `SPACING_MAX_MS`.
 */
const CALLS_MIN = 360
const CALLS_MAX = 1600
const REQUESTS_A_CALL = 60
/**
 * Number of calls to Redis per window and node while more than half of the limit is free, so that no node needs the
 * permits of another node.
 */
const CALLS_LOOSE = 20
/**
 * Size of a lease as a multiple of the permits that are needed until the next call. `STOCK_LOOSE` applies while more
 * than half of the limit is free. The permits then last for half of the lease, even shortly before the next call.
 */
const STOCK = 1.25
const STOCK_LOOSE = 2
const SPACING_MIN_MS = 10
const SPACING_MAX_MS = 500
/** Maximum time until the next call to Redis after a failed call or when the window was full, ms. */
const ASK_MAX_MS = 2000
const RETRY_MIN_MS = 50
/**
 * Factor on the time between calls while the rate limit window is nearly full, so that the node gets freed permits
 * sooner.
 */
const TIGHT = 0.4
/**
 * Factor on the duration of a lease against clock drift: the clocks of two machines differ in rate by less than 0.1 %.
 */
const DRIFT = 0.999
/** Minimum duration of a lease, as a multiple of the recent reply time of Redis. */
const REPLIES = 4
/** Number of consecutive replies that arrive after the end of their lease, from which Redis counts as unavailable. */
const LATE_MAX = 4
/** Request more permits when the available permits would last less than this time, ms. */
const RESERVE_MS = 4
/** Maximum number of groups of spent permits that a node reports for one lease. */
const GROUPS = 128

/**
 * Lease of one node on one sliding window: permits that the node can spend without a call to Redis. Tracks the
 * available permits, the spent permits to report, and the time of the next call. A state machine without timers and
 * I/O. All times are ms of one monotonic clock.
 *
 * Never admits too many requests, for three reasons. Permits are spent only before `sent + hold`, which is earlier than
 * the end of the lease in Redis. A spend is reported as later than it was. A late or missing reply leaves the old lease
 * and its report in force.
 */
export class Lease {
  readonly #terms: LeaseTerms
  readonly #random: () => number
  #permits = 0
  #deadlineMs = Number.NEGATIVE_INFINITY
  #field = ''
  #calls = 0
  #flight: Flight | undefined
  #spentInFlight = 0
  /**
   * Spent permits that Redis has not confirmed yet, in groups. `#times`: time of the latest spend of each group.
   * `#counts`: its number of permits.
   *
   * @bound {@link GROUPS} groups in a lease | neighbouring groups become one | none
   */
  #times: number[] = []
  /**
   * Number of spent permits of each group.
   *
   * @bound {@link GROUPS} groups in a lease | neighbouring groups become one | none
   */
  #counts: number[] = []
  #groupMs = 1
  /**
   * Number of the first groups that a call has reported to Redis. They never change, because Redis can have counted
   * them although the node lost the reply.
   */
  #sealed = 0
  /** Number of groups that calls with a reply have reported, or that the node dropped. */
  #reported = 0
  /** Number of permits that requests needed since the last call, including refused requests. */
  #asked = 0
  /** Moving average of the permits that requests need at this node, permits per ms. */
  #demand = 0
  #lastCallMs = Number.NEGATIVE_INFINITY
  #answeredMs = Number.NEGATIVE_INFINITY
  #lastWanted = 0
  #nextCallMs = Number.NEGATIVE_INFINITY
  #freeAtMs = 0
  #tight = false
  /**
   * Weight of the consecutive failures: a timeout counts 1, any other failure 2. From 2 on, Redis counts as
   * unavailable.
   */
  #failures = 0
  /** Number of consecutive replies of Redis that arrived after the end of the lease they belong to. */
  #late = 0
  /** Recent reply time of Redis, ms. A slower reply sets it; each faster reply lowers it by at most 10 %. */
  #replyMs = 0
  #holders = 1
  #left: number
  /** Number of the current generation of spent permits. It changes when earlier spends can no longer be refunded. */
  #generation = 0
  /** Number of permits that Redis granted to this lease object since its creation. */
  granted = 0
  /** Number of permits of this lease object that were returned unspent since its creation. */
  returned = 0

  constructor(terms: LeaseTerms, random: () => number = Math.random) {
    this.#terms = terms
    this.#random = random
    this.#left = terms.requests
  }

  /**
   * Spends the permits for one request, and counts the request as demand. Returns false when too few permits are
   * available.
   */
  spend(nowMs: number): boolean {
    this.#asked += this.#terms.cost
    return this.spendAtLast(nowMs)
  }

  /**
   * Spends the permits for a request that waited. Unlike `spend`, does not count the request as demand, because `spend`
   * did.
   */
  spendAtLast(nowMs: number): boolean {
    if (!this.maySpend(nowMs)) return false
    const { cost } = this.#terms
    this.#permits -= cost
    if (this.#flight !== undefined) this.#spentInFlight += cost
    const last = this.#times.length - 1
    if (
      last >= this.#sealed &&
      nowMs - this.#times[last]! < this.#groupMs &&
      this.#sameGroup(this.#times[last]!, nowMs)
    ) {
      this.#times[last] = nowMs
      this.#counts[last]! += cost
    } else {
      this.#times.push(nowMs)
      this.#counts.push(cost)
    }
    return true
  }

  /** Whether this node has enough leased permits for one request. */
  maySpend(nowMs: number): boolean {
    return this.#permits >= this.#terms.cost && nowMs < this.#deadlineMs
  }

  /** Generation of the permits that are spent now, which `giveBack` needs to refund them. */
  get generation(): number {
    return this.#generation
  }

  /**
   * Refunds spent permits, if the spend belongs to the current generation. An older spend stays spent. The refund
   * reduces the oldest unreported group, so that no remaining spend is dated earlier than it happened.
   */
  giveBack(generation: number): void {
    if (generation !== this.#generation) return
    const { cost } = this.#terms
    for (let i = this.#sealed; i < this.#counts.length; i++) {
      if (this.#counts[i]! === 0) continue
      this.#counts[i]! -= cost
      this.#permits += cost
      if (this.#flight !== undefined) this.#spentInFlight -= cost
      return
    }
  }

  /** Whether a call to Redis for this lease is in progress. */
  get asking(): boolean {
    return this.#flight !== undefined
  }

  /** Whether a call to Redis that can bring permits is in progress. */
  get hopeful(): boolean {
    return this.#flight !== undefined && (this.#flight.wanted > 0 || !this.#tight)
  }

  /** Whether Redis counts as unavailable, so that the room in the window is unknown. */
  get cutOff(): boolean {
    return this.#failures > 1
  }

  /** True after a timeout or a late reply. The next call to Redis shows whether Redis is unavailable. */
  get uncertain(): boolean {
    return this.#failures === 1
  }

  /** Whether the node has a lease, or spent permits to report. */
  get open(): boolean {
    return this.#field !== '' || this.#times.length > 0
  }

  /**
   * Room in the rate limit window at the last reply plus the permits of this node, number of requests. At most the
   * limit.
   */
  get left(): number {
    return Math.min(this.#terms.requests, this.#left + this.#permits)
  }

  /** Time until a refused request would find room if no other request takes the room first, ms. */
  waitMs(nowMs: number): number {
    return Math.max(this.#freeAtMs, this.#nextCallMs) - nowMs
  }

  /**
   * Monotonic time (ms) at which the lease must be renewed or settled, even without a request. Earlier than the end of
   * the lease.
   */
  get dueMs(): number {
    const spacing = this.#spacingMs()
    return Math.max(this.#deadlineMs - spacing, this.#lastCallMs + spacing / 2, this.cutOff ? this.#nextCallMs : 0)
  }

  /**
   * Drops the lease and the unreported spent permits. Must be called when the spends have left the window before a call
   * could report them.
   */
  forget(): void {
    this.#field = ''
    this.#reported += this.#times.length
    this.#sealed = 0
    this.#times = []
    this.#counts = []
  }

  /**
   * Monotonic time (ms) at which Redis last replied before the end of a lease; negative infinity before the first
   * reply.
   */
  get answeredMs(): number {
    return this.#answeredMs
  }

  /** Whether a call to Redis for more permits can be sent now for a request that found no permits. */
  mayAsk(nowMs: number): boolean {
    return this.#flight === undefined && nowMs >= this.#nextCallMs
  }

  /**
   * Whether a request without permits must be refused now. No call in progress can bring permits, and the next call is
   * not due.
   */
  fullAt(nowMs: number): boolean {
    return !this.mayAsk(nowMs) && !this.hopeful
  }

  /** Whether a background call must be sent now, before the permits are used up or the lease ends. */
  shouldRefill(nowMs: number): boolean {
    if (this.#flight !== undefined || nowMs < this.#nextCallMs) return false
    const spacing = this.#spacingMs()
    if (nowMs < this.#lastCallMs + spacing / 2) return false
    return this.#permits < this.#demand * RESERVE_MS || this.#deadlineMs - nowMs < spacing
  }

  /**
   * Begins a call to Redis, and returns its arguments. The call returns to Redis the permits that the node does not
   * need.
   *
   * @param waiting  number of requests that wait for the reply
   * @param ending   true when the node stops or drops the window: the call settles the lease and requests no new one
   */
  begin(nowMs: number, waiting: number, ending = false): LeaseCall {
    const { requests, windowMs, tickUs, cost, node, serial } = this.#terms
    const spacing = this.#spacingMs()
    this.#measure(nowMs)
    const queued = waiting * cost
    const cap = Math.max(cost, Math.floor((2 * requests * spacing) / windowMs))
    let wanted = Math.floor(this.#demand * (this.#isLoose ? STOCK_LOOSE : STOCK) * spacing + 0.5)
    // Double the size of the lease with each call while requests wait although the window has room: the lease was too
    // small.
    if (queued > 0 && !this.#tight) wanted = Math.max(wanted, 2 * this.#lastWanted)
    wanted = ending ? 0 : Math.min(requests, Math.max(queued, Math.min(wanted, cap)))
    // Round the permits down to whole requests: permits for less than the cost of one request could not be spent.
    wanted -= wanted % cost
    const held = nowMs < this.#deadlineMs ? this.#permits : 0
    const kept = Math.min(held, wanted)
    this.returned += this.#permits - kept
    this.#permits = kept
    const spendMs = Math.max(2 * spacing, Math.min(REPLIES * this.#replyMs, 2 * SPACING_MAX_MS))
    const holdTicks =
      wanted === 0 ? 0 : Math.min(Math.ceil((windowMs * 1000) / tickUs), Math.ceil((spendMs * 1000) / tickUs) + 1)
    const holdMs = Math.min((holdTicks * tickUs) / 1000, spendMs + Math.min(tickUs / 1000, 100))
    if (wanted === 0) this.#deadlineMs = Number.NEGATIVE_INFINITY
    this.#groupMs = Math.max(tickUs / 1000, holdMs / GROUPS)
    this.#generation++
    this.#seal()
    this.#flight = {
      sentMs: nowMs,
      deadlineMs: wanted === 0 ? Number.POSITIVE_INFINITY : nowMs + holdMs * DRIFT - 1,
      wanted,
      groups: this.#times.length,
    }
    this.#spentInFlight = 0
    this.#lastCallMs = nowMs
    this.#lastWanted = wanted
    return {
      holdTicks,
      held: this.#field,
      kept,
      wanted,
      // If the rate limit window is nearly full, a call that requests no permits also states the cost of one request.
      // The reply then contains the time until the window has room for one request.
      needed: wanted > 0 || this.#tight ? cost : 0,
      owner: `${node}.${serial}`,
      call: ++this.#calls,
      reported: this.#reported,
      spent: this.#report(nowMs),
    }
  }

  accept(reply: LeaseReply, nowMs: number): void {
    const flight = this.#flight!
    this.#replyMs = Math.max(nowMs - flight.sentMs, this.#replyMs * 0.9)
    if (nowMs >= flight.deadlineMs) {
      // Count a reply of Redis after the end of its lease as late. The next lease is longer, because `#replyMs` has
      // grown.
      this.#failures = ++this.#late < LATE_MAX ? 0 : 1
      this.fail(nowMs, false)
      return
    }
    this.#flight = undefined
    this.#failures = 0
    this.#late = 0
    this.#answeredMs = nowMs
    this.#times = this.#times.slice(flight.groups)
    this.#counts = this.#counts.slice(flight.groups)
    this.#reported += flight.groups
    this.#sealed = 0
    this.#generation++
    this.granted += Math.max(0, reply.permits - this.#permits - this.#spentInFlight)
    this.#permits = Math.max(0, reply.permits - this.#spentInFlight)
    this.#field = reply.lease
    this.#deadlineMs = reply.lease === '' ? Number.NEGATIVE_INFINITY : flight.deadlineMs
    this.#holders = reply.holders
    this.#left = reply.left
    if (flight.wanted > 0) this.#tight = reply.permits < flight.wanted
    else if (reply.waitMs === 0) this.#tight = false
    if (!this.#tight) {
      this.#nextCallMs = nowMs
      return
    }
    const spacing = this.#spacingMs()
    this.#freeAtMs = nowMs + reply.waitMs
    const patience = Math.max(reply.waitMs + (this.#random() * spacing) / 2, spacing * (0.25 + this.#random() / 2))
    // Limit the time until the next call: permits become free early when another node returns permits or an operator
    // resets the limit.
    this.#nextCallMs = nowMs + Math.min(patience, ASK_MAX_MS)
  }

  /**
   * Ends a call to Redis that had no reply or a late reply. Redis can have run the script.
   *
   * @param certain  true when Redis is unavailable, false after a timeout, because this node could have been paused.
   *   After a timeout the next call is due immediately, and shows whether Redis is unavailable
   */
  fail(nowMs: number, certain: boolean): void {
    this.#flight = undefined
    this.#failures += certain ? 2 : 1
    this.#spentInFlight = 0
    this.#generation++
    this.#nextCallMs = this.cutOff
      ? nowMs + Math.min(RETRY_MIN_MS * 2 ** Math.min((this.#failures >> 1) - 1, 10), ASK_MAX_MS)
      : nowMs
  }

  #sameGroup(a: number, b: number): boolean {
    return Math.floor(a / this.#groupMs) === Math.floor(b / this.#groupMs)
  }

  /** Whether more than half of the limit was free in the window at the last reply. */
  get #isLoose(): boolean {
    return this.#left > this.#terms.requests / 2
  }

  /** Returns the time from one call to Redis to the next, ms. The time is shorter while the window is nearly full. */
  #spacingMs(): number {
    const { windowMs, requests } = this.#terms
    const calls = Math.min(Math.max(requests / REQUESTS_A_CALL, CALLS_MIN), CALLS_MAX)
    const spacing = this.#isLoose ? windowMs / CALLS_LOOSE : (this.#holders * windowMs) / calls
    const bounded = Math.min(Math.max(spacing, SPACING_MIN_MS), SPACING_MAX_MS)
    return this.#tight ? bounded * TIGHT : bounded
  }

  #measure(nowMs: number): void {
    if (this.#lastCallMs !== Number.NEGATIVE_INFINITY) {
      const rate = this.#asked / Math.max(1, nowMs - this.#lastCallMs)
      this.#demand = (this.#demand + rate) / 2
    }
    this.#asked = 0
  }

  /** Removes the groups whose permits were all refunded. From now on, the other groups do not change. */
  #seal(): void {
    let kept = this.#sealed
    for (let i = kept; i < this.#counts.length; i++) {
      if (this.#counts[i]! === 0) continue
      this.#times[kept] = this.#times[i]!
      this.#counts[kept++] = this.#counts[i]!
    }
    this.#times.length = kept
    this.#counts.length = kept
    this.#sealed = kept
  }

  #report(nowMs: number): number[] {
    const spent: number[] = []
    for (let i = 0; i < this.#times.length; i++) {
      spent.push(Math.floor((nowMs - this.#times[i]!) * 1000 * DRIFT), this.#counts[i]!)
    }
    return spent
  }
}
