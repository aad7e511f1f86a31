import { CLASSES, classOf, KNOWN_ADDRESS, USER } from './caller-class.ts'

/**
 * Number of consecutive overloaded intervals after which shedding begins, unless the load already falls. After a pause of
 * the process, such as a garbage collection or the compilation of a policy, the load is high, and falls at once.
 */
const BEGIN_INTERVALS = 5
/** Time without overload and without a shed request after which shedding ends, ms. */
const END_MS = 1000
/** Part by which an overloaded interval reduces the admitted rate, for a load of 1; proportional to the load. */
const DECREASE = 0.05
const DECREASE_MAX = 0.3
/**
 * Part by which an interval without overload raises the admitted rate: near the rate of the last overload, and far below
 * it. Near it, each percent too much makes the queue of the node 1 ms longer in each interval.
 */
const INCREASE = 0.01
const INCREASE_FAST = 0.1
/** Part of the rate of the last overload below which the admitted rate is raised fast. */
const FAR_BELOW = 0.9
/** Lowest admitted rate, requests per ms. With less, the node could not notice that the overload has ended. */
const RATE_MIN = 0.02
/**
 * Cost of a shed request, as a part of the cost of an admitted request (`shed_ratio` in docs/design/benchmarks.md). A
 * node that sheds a flood can be overloaded by the shed requests alone. Shedding more would then not help.
 */
const SHED_COST = 0.4
/**
 * Part of its work that the node always spends on admitted requests of known callers, so that neither a flood of
 * strangers nor another program that takes the CPU starves the users.
 */
const WORK_MIN = 0.5
/**
 * Part of its work that the node always spends on admitted requests of all callers. It is lower, because a request
 * of a stranger can cost several times the usual work: the check of a forged signature alone costs twice as much as
 * forwarding a request of a user.
 */
const WORK_MIN_OF_ALL = 0.1
/** Factor by which the highest amount of work decreases in an interval: half of it is left after 35 s. */
const WORK_DECAY = 0.998
/** Factor by which the highest rate of admitted requests decreases in an interval: half of it is left after 7 s. */
const HIGHEST_DECAY = 0.99
/** Lowest class of callers that are known by their address, and lowest class of users. */
const FIRST_KNOWN = classOf(KNOWN_ADDRESS, 0)
const FIRST_USER = classOf(USER, 0)
/** Size of the bucket, ms of the admitted rate. */
const SIZE_MS = 40
/**
 * Permits that each class leaves to the higher classes, ms of the admitted rate, by class. Users can take permits in
 * advance, so that their requests are admitted that arrive together after a pause of the process. The classes below wait
 * until the bucket has filled again.
 */
const RESERVES_MS = [36, 30, 24, 18, 12, 6, -100, -150, -250]
/**
 * Part of the admitted requests above which those of strangers and known addresses count as the cause of an overload.
 * The admitted rate then stays above that of the users: they must not pay for the others.
 */
const OTHERS_MIN = 0.05
/** Factor by which the admitted rate stays above the rate of the users while other callers cause the overload. */
const USERS_ROOM = 1.1
/** Lowest rate for the size of the bucket, requests per ms: with it, the bucket has permits for each class. */
const BUCKET_RATE_MIN = 1 / 6
/** Part of the previous load below which a load counts as falling: the queue of the node becomes shorter. */
const FALLING = 0.9
/** Weight of the newest interval in the smoothed rate of arrivals. */
const NEWEST = 0.5

/**
 * Decides which requests an overloaded node admits. Lowers the admitted rate while the node is overloaded, and raises it
 * while the node is not. Requests take permits from a bucket that fills at the admitted rate; each class leaves a part of
 * the bucket to the classes above it. This is the admission control of DAGOR (WeChat, 2018) with a bucket instead of a
 * level: it needs no prediction of the arrivals, which change at once when clients wait for their refusals.
 *
 * The load is the highest ratio of a measured value to its limit. The node is overloaded when the load is above 1.
 */
export class Shedder {
  /** Arrivals of the current interval, by class. */
  readonly #arrivals = new Float64Array(CLASSES)
  /** Smoothed arrivals per ms, by class. */
  readonly #rates = new Float64Array(CLASSES)
  #admitted = 0
  /** Number of requests in `#admitted` whose callers are strangers or known only by their address. */
  #others = 0
  /**
   * Number of classes, counted from class 0, up to the highest class of which a request was shed in the current
   * interval.
   */
  #refused = 0
  /** Permits in the bucket; below 0 after permits were taken in advance. */
  #permits = 0
  /** Time of the last filling of the bucket, ms. */
  #filledAt = 0
  /** Admitted rate from which the size of the bucket is calculated, requests per ms. */
  #bucketRate = BUCKET_RATE_MIN
  #overloaded = 0
  #calmMs = 0
  /** Load of the previous interval. */
  #loadBefore = 0
  /** Highest recent work of the node, in admitted requests per ms; only while shedding. */
  #work = 0
  /** Admitted rate, requests per ms; only while shedding. */
  #rate = 0
  /** Admitted rate at the begin of the last overload, requests per ms; only while shedding. */
  #overloadRate = 0
  /**
   * Highest recent rate of admitted requests, requests per ms: what the node can process. The rate of the latest
   * interval is not used, because it is low when the process paused, for example for a garbage collection.
   */
  #highest = 0
  #isShedding = false
  #level = 0

  /** Whether arrivals must be passed to `admits`: while the node sheds, and while it may have to begin. */
  get isCounting(): boolean {
    return this.#isShedding || this.#overloaded > 0
  }

  /** Number of classes, counted from class 0, of which the node sheds at least a part. */
  get level(): number {
    return this.#level
  }

  /**
   * Counts a request, and decides whether it is admitted. Allocates nothing.
   *
   * @param nowMs  monotonic time, ms
   */
  admits(class_: number, nowMs: number): boolean {
    this.#arrivals[class_]!++
    if (this.#isShedding && this.#rate !== Number.POSITIVE_INFINITY) {
      if (nowMs > this.#filledAt) {
        this.#permits = Math.min(SIZE_MS * this.#bucketRate, this.#permits + this.#rate * (nowMs - this.#filledAt))
        this.#filledAt = nowMs
      }
      if (this.#permits < 1 + RESERVES_MS[class_]! * this.#bucketRate) {
        this.#refused = Math.max(this.#refused, class_ + 1)
        return false
      }
      this.#permits--
    }
    this.#admitted++
    if (class_ < FIRST_USER) this.#others++
    return true
  }

  /**
   * Ends an interval, and sets the admitted rate for the next interval.
   *
   * @param load        highest ratio of a measured value to its limit in the interval
   * @param elapsedMs   length of the interval
   * @param isEnforced  false when requests that are not admitted are processed nevertheless (`mode: observe`)
   * @param mayReturn   true when clients wait for delayed refusals: shedding must not end before they may send again
   */
  adjust(load: number, elapsedMs: number, isEnforced = true, mayReturn = false): void {
    this.#overloaded = load > 1 ? this.#overloaded + 1 : 0
    this.#highest = this.isCounting ? Math.max(this.#highest * HIGHEST_DECAY, this.#admitted / elapsedMs) : 0
    const isFalling = load < FALLING * this.#loadBefore
    const begins = this.#overloaded >= BEGIN_INTERVALS && !isFalling
    if (this.#isShedding || begins) this.#shed(load, elapsedMs, isEnforced, isFalling)
    this.#calmMs = load > 1 || this.#refused > 0 || mayReturn ? 0 : this.#calmMs + elapsedMs
    if (this.#isShedding && this.#calmMs >= END_MS) this.reset()
    this.#loadBefore = load
    this.#arrivals.fill(0)
    this.#admitted = 0
    this.#others = 0
    this.#refused = 0
  }

  /** Ends shedding at once. */
  reset(): void {
    this.#isShedding = false
    this.#overloaded = 0
    this.#level = 0
  }

  #shed(load: number, elapsedMs: number, isEnforced: boolean, isFalling: boolean): void {
    const admitted = this.#admitted / elapsedMs
    const isFirst = !this.#isShedding
    if (isFirst) this.#begin()
    let arrived = 0
    for (let i = 0; i < CLASSES; i++) {
      const rate = this.#arrivals[i]! / elapsedMs
      arrived += rate
      this.#rates[i] = isFirst ? rate : (1 - NEWEST) * this.#rates[i]! + NEWEST * rate
    }
    if (!isEnforced) this.#rate = load > 1 ? arrived / load : Number.POSITIVE_INFINITY
    else if (load > 1) this.#lower(load, admitted, arrived, isFalling)
    else this.#raise()
    this.#bucketRate = Math.max(BUCKET_RATE_MIN, this.#rate)
    this.#level = this.#refused
  }

  #lower(load: number, admitted: number, arrived: number, isFalling: boolean): void {
    this.#work = Math.max(this.#work * WORK_DECAY, admitted + SHED_COST * (arrived - admitted))
    if (this.#overloaded === 1) this.#overloadRate = Math.min(this.#rate, this.#highest)
    if (isFalling) return
    const decrease = Math.min(DECREASE_MAX, DECREASE * load)
    let [known, users] = [0, 0]
    for (let i = FIRST_KNOWN; i < CLASSES; i++) known += this.#rates[i]!
    for (let i = FIRST_USER; i < CLASSES; i++) users += this.#rates[i]!
    const least = Math.max(
      RATE_MIN,
      WORK_MIN_OF_ALL * this.#work,
      Math.min(known, WORK_MIN * this.#work),
      this.#others > OTHERS_MIN * this.#admitted ? USERS_ROOM * users : 0,
    )
    this.#rate = Math.max(least, Math.min(this.#rate, this.#highest) * (1 - decrease))
  }

  #raise(): void {
    const isFar = this.#rate < FAR_BELOW * this.#overloadRate
    this.#rate = this.#rate * (1 + (isFar ? INCREASE_FAST : INCREASE)) + RATE_MIN
  }

  /**
   * Begins to shed, with the highest rate of the overloaded intervals: while the node could not keep up, it processed as
   * many requests as it can.
   */
  #begin(): void {
    this.#isShedding = true
    this.#work = 0
    this.#rate = this.#highest
    this.#overloadRate = this.#highest
    this.#bucketRate = Math.max(BUCKET_RATE_MIN, this.#highest)
    this.#permits = SIZE_MS * this.#bucketRate
  }
}
