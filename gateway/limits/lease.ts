/** A limit of which permits are leased, and the node that leases them. */
export interface LeaseTerms {
  readonly requests: number
  readonly windowMs: number
  readonly tickUs: number
  /** Of every request on the window. */
  readonly cost: number
  /** Never used by another process. */
  readonly node: string
  /** Never used by this process again: it may lease of one window twice, after it forgot it or the policy changed. */
  readonly serial: number
}

/** What lease-permits.lua is asked. */
export interface LeaseCall {
  /** 0: only settles. */
  readonly holdTicks: number
  readonly held: string
  readonly kept: number
  readonly wanted: number
  readonly needed: number
  readonly id: string
  /** Age of the youngest of a group, µs, and how many: in turns. */
  readonly spent: readonly number[]
}

export interface LeaseReply {
  readonly lease: string
  readonly permits: number
  /** Until `needed` are free, ms. */
  readonly waitMs: number
  readonly holders: number
  /** Of the window, beside what is leased. */
  readonly left: number
}

interface Flight {
  readonly sentMs: number
  readonly deadlineMs: number
  readonly wanted: number
  /** Groups of spends that it reports. */
  readonly groups: number
}

/**
 * Calls in a window, of one node: more leave less in hands that do not need it, and cost Redis more. Large limits can afford
 * more: one for so many requests.
 */
const CALLS_MIN = 360
const CALLS_MAX = 1600
const REQUESTS_A_CALL = 60
/** The same while more than half of the window is left, when nobody needs what another has in hand. */
const CALLS_LOOSE = 20
/**
 * Permits to take, in what is needed until the next call. While nobody else needs them, so many that there is enough for half
 * a hold also at the worst moment, just before that call.
 */
const STOCK = 1.25
const STOCK_LOOSE = 2
const SPACING_MIN_MS = 10
const SPACING_MAX_MS = 500
/** A full window is asked again so soon, and one that could not be asked. */
const ASK_MAX_MS = 2000
const RETRY_MIN_MS = 50
/** While the window is nearly full, it is asked more often for what becomes free. */
const TIGHT = 0.4
/** Clocks of two machines run at rates that differ by less. */
const DRIFT = 0.999
/** A lease is held for so many times as long as a reply takes to arrive and be heard, at least. */
const REPLIES = 4
/** Replies in a row that came too late for their lease, whatever it was: as good as no Redis. */
const LATE_MAX = 4
/** Permits for less time than this are as good as none. */
const RESERVE_MS = 4
/** Groups of spends in one hold. */
const GROUPS = 128

/**
 * One node's lease on one sliding window: what it may spend without asking, what it has to report, and when to ask
 * again. A state machine without timers and I/O; all times are ms of one monotonic clock.
 *
 * Never over-admits: permits are spent before `sent + hold` only, less than what the script dates them with; a spend is
 * reported as younger than it is; a reply after its time, or none, leaves the old lease and its report in force.
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
  /** Spends that are not settled: the time of the youngest of each group, and how many. */
  #times: number[] = []
  #counts: number[] = []
  #groupMs = 1
  /** Asked for since the last call, refused included, and the moving average of it, per ms. */
  #asked = 0
  #demand = 0
  #lastCallMs = Number.NEGATIVE_INFINITY
  #answeredMs = Number.NEGATIVE_INFINITY
  #lastWanted = 0
  #nextCallMs = Number.NEGATIVE_INFINITY
  #freeAtMs = 0
  #tight = false
  /** In a row; a call that only took too long counts half of what it takes to be cut off. */
  #failures = 0
  /** Replies in a row that came when the lease was over. */
  #late = 0
  /** What a reply took of late, ms; slow to forget. */
  #replyMs = 0
  #holders = 1
  #left: number
  /** Changes when spends can no longer be taken back. */
  #generation = 0
  /** Permits granted, and those given back unspent, since it was made. */
  granted = 0
  returned = 0

  constructor(terms: LeaseTerms, random: () => number = Math.random) {
    this.#terms = terms
    this.#random = random
    this.#left = terms.requests
  }

  /** Allocates nothing but the room of the report. */
  spend(nowMs: number): boolean {
    this.#asked += this.#terms.cost
    return this.spendAtLast(nowMs)
  }

  /** For a request that found nothing before: it is demand only once. */
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

  /** Permits for a request are in hand. */
  maySpend(nowMs: number): boolean {
    return this.#permits >= this.#terms.cost && nowMs < this.#deadlineMs
  }

  /** For `giveBack`. */
  get generation(): number {
    return this.#generation
  }

  /**
   * Takes back a spend of this generation; an older one stays spent. It comes off the oldest group that is still to be
   * reported: whichever it was in, what stays is then never dated before it was spent.
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

  /** A call is under way. */
  get asking(): boolean {
    return this.#flight !== undefined
  }

  /** A call is under way that may bring permits. */
  get hopeful(): boolean {
    return this.#flight !== undefined && (this.#flight.wanted > 0 || !this.#tight)
  }

  /** Redis is away: nobody knows what the window has left. */
  get cutOff(): boolean {
    return this.#failures > 1
  }

  /** The last call, or its reply, took too long, and the next one is to tell why. */
  get uncertain(): boolean {
    return this.#failures === 1
  }

  /** Something is held, or spent and not reported. */
  get open(): boolean {
    return this.#field !== '' || this.#times.length > 0
  }

  /** Requests that the window had left when it was last asked, and what is in hand. */
  get left(): number {
    return Math.min(this.#terms.requests, this.#left + this.#permits)
  }

  /** For a request that found nothing: how long until one like it finds room, if nobody else takes it, ms. */
  waitMs(nowMs: number): number {
    return Math.max(this.#freeAtMs, this.#nextCallMs) - nowMs
  }

  /** When it is next to be looked after without a request: before the lease ends. */
  get dueMs(): number {
    const spacing = this.#spacingMs()
    return Math.max(this.#deadlineMs - spacing, this.#lastCallMs + spacing / 2, this.cutOff ? this.#nextCallMs : 0)
  }

  /** Forgets what no window can hold any more. For when Redis could not be told in time. */
  forget(): void {
    this.#field = ''
    this.#times = []
    this.#counts = []
  }

  /** When Redis last answered; long ago at first. */
  get answeredMs(): number {
    return this.#answeredMs
  }

  /** For requests that found nothing: whether to ask at once. */
  mayAsk(nowMs: number): boolean {
    return this.#flight === undefined && nowMs >= this.#nextCallMs
  }

  /** Nothing can come before the next call, and that is not due yet. */
  fullAt(nowMs: number): boolean {
    return !this.mayAsk(nowMs) && !this.hopeful
  }

  /** Before there is nothing left: whether to ask in the background. */
  shouldRefill(nowMs: number): boolean {
    if (this.#flight !== undefined || nowMs < this.#nextCallMs) return false
    const spacing = this.#spacingMs()
    if (nowMs < this.#lastCallMs + spacing / 2) return false
    return this.#permits < this.#demand * RESERVE_MS || this.#deadlineMs - nowMs < spacing
  }

  /**
   * Begins a call. What is not kept is given back with it.
   *
   * @param waiting  requests that wait for it
   * @param ending   the node stops, or forgets the window
   */
  begin(nowMs: number, waiting: number, ending = false): LeaseCall {
    const { requests, windowMs, tickUs, cost, node, serial } = this.#terms
    const spacing = this.#spacingMs()
    this.#measure(nowMs)
    const queued = waiting * cost
    const cap = Math.max(cost, Math.floor((2 * requests * spacing) / windowMs))
    let wanted = Math.floor(this.#demand * (this.#isLoose ? STOCK_LOOSE : STOCK) * spacing + 0.5)
    // Whoever waits although the window has room is met by more each time.
    if (queued > 0 && !this.#tight) wanted = Math.max(wanted, 2 * this.#lastWanted)
    wanted = ending ? 0 : Math.min(requests, Math.max(queued, Math.min(wanted, cap)))
    // A part of a cost is of no use.
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
      // Who only settles still wants to know how long the window stays full.
      needed: wanted > 0 || this.#tight ? cost : 0,
      id: `${node}.${serial}.${++this.#calls}`,
      spent: this.#report(nowMs),
    }
  }

  accept(reply: LeaseReply, nowMs: number): void {
    const flight = this.#flight!
    this.#replyMs = Math.max(nowMs - flight.sentMs, this.#replyMs * 0.9)
    if (nowMs >= flight.deadlineMs) {
      // Redis is there: a lease that is held for longer will do.
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
    // Permits come back early when another node returns its own, or somebody resets the limit.
    this.#nextCallMs = nowMs + Math.min(patience, ASK_MAX_MS)
  }

  /**
   * No answer, or one too late: whether Redis did as asked is unknown.
   *
   * @param certain  Redis is away. Else it may be this node that stood still: the next call tells, and is made at once
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

  /** More than half of the window was left when it was last asked. */
  get #isLoose(): boolean {
    return this.#left > this.#terms.requests / 2
  }

  /** Time from one call to the next. */
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
