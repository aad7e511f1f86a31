/** Terms of a lease: the limit whose permits are leased, and the node that leases them. */
export interface LeaseTerms {
  readonly requests: number
  readonly windowMs: number
  readonly tickUs: number
  /** Permits that each request costs. */
  readonly cost: number
  /** Random id that no other process uses. */
  readonly node: string
  /**
   * Number that this process uses once. The process may lease from one window twice, after it dropped the window or
   * after a policy change.
   */
  readonly serial: number
}

/** Arguments of lease-permits.lua. */
export interface LeaseCall {
  /** Duration of the new lease, ticks; 0 only settles the held lease. */
  readonly holdTicks: number
  readonly held: string
  readonly kept: number
  readonly wanted: number
  readonly needed: number
  readonly id: string
  /** Spends to report, in groups: alternating age of the youngest spend, µs, and number of requests. */
  readonly spent: readonly number[]
}

export interface LeaseReply {
  readonly lease: string
  readonly permits: number
  /** Time until `needed` permits are free, ms; 0 when they were granted. */
  readonly waitMs: number
  /** Nodes that hold leases on the window, this node included. */
  readonly holders: number
  /** Room left in the window beyond the leased permits, requests. */
  readonly left: number
}

interface Flight {
  readonly sentMs: number
  readonly deadlineMs: number
  readonly wanted: number
  /** Number of spend groups that the call reports. */
  readonly groups: number
}

/**
 * Bounds for the calls that one node makes per window. More calls leave fewer unused permits in other nodes, but cost
 * Redis more. Large limits make more calls: one per 60 requests.
 */
const CALLS_MIN = 360
const CALLS_MAX = 1600
const REQUESTS_A_CALL = 60
/**
 * Calls per window while more than half of the limit's requests are left in the window, and no node needs the permits
 * of another node.
 */
const CALLS_LOOSE = 20
/**
 * Size of a lease as a multiple of the demand until the next call. `STOCK_LOOSE` applies while more than half of the
 * limit's requests are left in the window. The permits then last for half of the lease even just before the next call.
 */
const STOCK = 1.25
const STOCK_LOOSE = 2
const SPACING_MIN_MS = 10
const SPACING_MAX_MS = 500
/** Longest time until the next call for a full window or after a failed call, ms. */
const ASK_MAX_MS = 2000
const RETRY_MIN_MS = 50
/** Factor on the time between calls while the window is nearly full, so freed permits are requested sooner. */
const TIGHT = 0.4
/** Safety factor for clock drift: the clocks of two machines differ in rate by less than 0.1 %. */
const DRIFT = 0.999
/** Shortest duration of a lease, as a multiple of the recent reply time. */
const REPLIES = 4
/** After this many replies in a row that arrived after their lease had ended, Redis counts as failing. */
const LATE_MAX = 4
/** Refill when the permits would last less than this. */
const RESERVE_MS = 4
/** Largest number of spend groups during one lease. */
const GROUPS = 128

/**
 * Lease of one node on one sliding window. Tracks the permits that the node may spend without a call, the spends that
 * it must report, and the time of the next call. A state machine without timers and I/O. All times are ms of one
 * monotonic clock.
 *
 * Never admits too many requests. Permits are spent only before `sent + hold`, which is earlier than the date of the
 * lease in Redis. A spend is reported as younger than it is. A late or missing reply leaves the old lease and its
 * report in force.
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
  /** Spends that are not settled yet. For each group: time of its youngest spend, and its number of requests. */
  #times: number[] = []
  #counts: number[] = []
  #groupMs = 1
  /** Permits requested since the last call, including refused requests. */
  #asked = 0
  /** Moving average of the requested permits, per ms. */
  #demand = 0
  #lastCallMs = Number.NEGATIVE_INFINITY
  #answeredMs = Number.NEGATIVE_INFINITY
  #lastWanted = 0
  #nextCallMs = Number.NEGATIVE_INFINITY
  #freeAtMs = 0
  #tight = false
  /** Weight of the failures in a row: a timeout counts 1, any other failure 2. The lease is cut off from 2 on. */
  #failures = 0
  /** Replies in a row that arrived after their lease had ended. */
  #late = 0
  /** Recent reply time, ms. Rises at once and falls by 10 % per reply. */
  #replyMs = 0
  #holders = 1
  #left: number
  /** Changes when earlier spends can no longer be refunded. */
  #generation = 0
  /** Permits granted since this object was created. */
  granted = 0
  /** Permits returned unspent since this object was created. */
  returned = 0

  constructor(terms: LeaseTerms, random: () => number = Math.random) {
    this.#terms = terms
    this.#random = random
    this.#left = terms.requests
  }

  /** Spends the permits for one request and counts the request as demand. Allocates only for the report. */
  spend(nowMs: number): boolean {
    this.#asked += this.#terms.cost
    return this.spendAtLast(nowMs)
  }

  /** Spends like `spend` for a request that waited. The request was already counted as demand. */
  spendAtLast(nowMs: number): boolean {
    if (!this.maySpend(nowMs)) return false
    const { cost } = this.#terms
    this.#permits -= cost
    if (this.#flight !== undefined) this.#spentInFlight += cost
    const last = this.#times.length - 1
    const reported = this.#flight?.groups ?? 0
    if (last >= reported && nowMs - this.#times[last]! < this.#groupMs && this.#sameGroup(this.#times[last]!, nowMs)) {
      this.#times[last] = nowMs
      this.#counts[last]! += cost
    } else {
      this.#times.push(nowMs)
      this.#counts.push(cost)
    }
    return true
  }

  /** Whether this node holds enough permits for one request. */
  maySpend(nowMs: number): boolean {
    return this.#permits >= this.#terms.cost && nowMs < this.#deadlineMs
  }

  /** Generation of the spends now, to pass to `giveBack`. */
  get generation(): number {
    return this.#generation
  }

  /**
   * Refunds a spend of this generation; a spend of an older generation stays spent. The refund reduces the oldest group
   * that is not reported yet. The remaining spends are then never dated earlier than they happened.
   */
  giveBack(generation: number): void {
    if (generation !== this.#generation) return
    const { cost } = this.#terms
    for (let i = this.#flight?.groups ?? 0; i < this.#counts.length; i++) {
      if (this.#counts[i]! === 0) continue
      this.#counts[i]! -= cost
      this.#permits += cost
      if (this.#flight !== undefined) this.#spentInFlight -= cost
      return
    }
  }

  /** Whether a call is in flight. */
  get asking(): boolean {
    return this.#flight !== undefined
  }

  /** Whether a call is in flight that may bring permits. */
  get hopeful(): boolean {
    return this.#flight !== undefined && (this.#flight.wanted > 0 || !this.#tight)
  }

  /** Whether Redis is unavailable, so the room left in the window is unknown. */
  get cutOff(): boolean {
    return this.#failures > 1
  }

  /** Whether the last call timed out or its reply was late. The next call shows whether Redis is unavailable. */
  get uncertain(): boolean {
    return this.#failures === 1
  }

  /** Whether the node holds a lease or has spends to report. */
  get open(): boolean {
    return this.#field !== '' || this.#times.length > 0
  }

  /** Room left in the window at the last reply plus the permits of this node, requests. At most the limit. */
  get left(): number {
    return Math.min(this.#terms.requests, this.#left + this.#permits)
  }

  /** Time until a refused request would find room if no other request takes it, ms. */
  waitMs(nowMs: number): number {
    return Math.max(this.#freeAtMs, this.#nextCallMs) - nowMs
  }

  /** When the lease must next be renewed or settled without a request. Before the lease ends. */
  get dueMs(): number {
    const spacing = this.#spacingMs()
    return Math.max(this.#deadlineMs - spacing, this.#lastCallMs + spacing / 2, this.cutOff ? this.#nextCallMs : 0)
  }

  /** Drops the lease and the unreported spends. For spends that left the window before a call could report them. */
  forget(): void {
    this.#field = ''
    this.#times = []
    this.#counts = []
  }

  /** When Redis last replied in time; negative infinity before the first reply. */
  get answeredMs(): number {
    return this.#answeredMs
  }

  /** Whether a call may be sent now for a request that found no permits. */
  mayAsk(nowMs: number): boolean {
    return this.#flight === undefined && nowMs >= this.#nextCallMs
  }

  /** Whether a request must be refused now: no call in flight can bring permits, and the next call is not due. */
  fullAt(nowMs: number): boolean {
    return !this.mayAsk(nowMs) && !this.hopeful
  }

  /** Whether to refill in the background, before the permits are used up or the lease ends. */
  shouldRefill(nowMs: number): boolean {
    if (this.#flight !== undefined || nowMs < this.#nextCallMs) return false
    const spacing = this.#spacingMs()
    if (nowMs < this.#lastCallMs + spacing / 2) return false
    return this.#permits < this.#demand * RESERVE_MS || this.#deadlineMs - nowMs < spacing
  }

  /**
   * Begins a call. The call returns the permits that are not kept.
   *
   * @param waiting  number of requests that wait for the reply
   * @param ending   true when the node stops or drops the window: settles and takes no new lease
   */
  begin(nowMs: number, waiting: number, ending = false): LeaseCall {
    const { requests, windowMs, tickUs, cost, node, serial } = this.#terms
    const spacing = this.#spacingMs()
    this.#measure(nowMs)
    const queued = waiting * cost
    const cap = Math.max(cost, Math.floor((2 * requests * spacing) / windowMs))
    let wanted = Math.floor(this.#demand * (this.#isLoose ? STOCK_LOOSE : STOCK) * spacing + 0.5)
    // Requests wait although the window has room, so the size of the lease doubles with each call.
    if (queued > 0 && !this.#tight) wanted = Math.max(wanted, 2 * this.#lastWanted)
    wanted = ending ? 0 : Math.min(requests, Math.max(queued, Math.min(wanted, cap)))
    // A remainder smaller than one cost cannot be spent.
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
      // A call that only settles still needs the time until the full window has room.
      needed: wanted > 0 || this.#tight ? cost : 0,
      id: `${node}.${serial}.${++this.#calls}`,
      spent: this.#report(nowMs),
    }
  }

  accept(reply: LeaseReply, nowMs: number): void {
    const flight = this.#flight!
    this.#replyMs = Math.max(nowMs - flight.sentMs, this.#replyMs * 0.9)
    if (nowMs >= flight.deadlineMs) {
      // Redis replies, only too late. A longer lease solves this, because `#replyMs` has grown.
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
    // Permits become free early when another node returns permits or an operator resets the limit.
    this.#nextCallMs = nowMs + Math.min(patience, ASK_MAX_MS)
  }

  /**
   * Ends a call that had no reply or a late reply. Redis may have run the script.
   *
   * @param certain  true when Redis is unavailable. After a timeout it is false, because this node may have been
   *   paused; the next call is then due at once and shows which was the case
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

  /** Whether more than half of the limit's requests were left in the window at the last reply. */
  get #isLoose(): boolean {
    return this.#left > this.#terms.requests / 2
  }

  /** Time from one call to the next, ms. Shorter while the window is nearly full. */
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

  #report(nowMs: number): number[] {
    const spent: number[] = []
    for (let i = 0; i < this.#times.length; i++) {
      if (this.#counts[i]! === 0) continue
      spent.push(Math.floor((nowMs - this.#times[i]!) * 1000 * DRIFT), this.#counts[i]!)
    }
    return spent
  }
}
