import { CLASSES, classOf, KNOWN_ADDRESS } from './caller-class.ts'

/**
 * Number of consecutive overloaded intervals after which shedding begins. One long pause, such as a garbage collection
 * or the compilation of a policy, makes one interval overloaded.
 */
const BEGIN_INTERVALS = 3
/** Time without overload and without a shed request after which shedding ends, ms. */
const END_MS = 1000
/** Part by which an overloaded interval reduces the admitted rate, for a load of 1; proportional to the load. */
const DECREASE = 0.05
const DECREASE_MAX = 0.3
/** Part by which an interval without overload raises the admitted rate: near the limit, and far below the limit. */
const INCREASE = 0.02
const INCREASE_FAST = 0.1
/** Load below which the admitted rate is raised fast. */
const LOAD_LOW = 0.7
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
 * The same part for requests of all callers. It is lower, because a request of a stranger can cost several times the
 * usual work: the check of a forged signature alone costs twice as much as forwarding a request of a user.
 */
const WORK_MIN_OF_ALL = 0.1
/** Factor by which the highest amount of work decreases in an interval: half of it is left after 35 s. */
const WORK_DECAY = 0.998
/** Lowest class of known callers. */
const FIRST_KNOWN = classOf(KNOWN_ADDRESS, 0)
/** Weight of the newest interval in the smoothed rate of arrivals. */
const NEWEST = 0.5

/**
 * Decides which share of each class of requests an overloaded node admits. Counts the arrivals of each class, lowers the
 * admitted rate while the node is overloaded, and raises it while the node is not. The admitted rate is given to the
 * classes from the highest class down: the classes below get nothing, and one class between them gets a part. This is
 * the admission control of DAGOR (WeChat, 2018) with a rate for the last class instead of a level for each user.
 *
 * The load is the highest ratio of a measured value to its limit. The node is overloaded when the load is above 1.
 */
export class Shedder {
  /** Arrivals of the current interval, by class. */
  readonly #arrivals = new Float64Array(CLASSES)
  /** Smoothed arrivals per ms, by class. */
  readonly #rates = new Float64Array(CLASSES)
  /** Admitted share of each class, 0 to 1. */
  readonly #shares = new Float64Array(CLASSES).fill(1)
  /** Fraction of a request that each class may still send. A class with a share of 0.25 admits each fourth request. */
  readonly #credits = new Float64Array(CLASSES)
  #admitted = 0
  #overloaded = 0
  #calmMs = 0
  /** Highest recent work of the node, in admitted requests per ms; only while shedding. */
  #work = 0
  /** Admitted rate, requests per ms; only while shedding. */
  #rate = 0
  #isShedding = false
  #level = 0

  /** Whether arrivals must be passed to `admits`: while the node sheds, and while it may have to begin. */
  get isCounting(): boolean {
    return this.#isShedding || this.#overloaded > 0
  }

  /** Number of classes, from class 0, of which the node sheds at least a part. */
  get level(): number {
    return this.#level
  }

  /** Counts a request, and decides whether it is admitted. Allocates nothing. */
  admits(class_: number): boolean {
    this.#arrivals[class_]!++
    const share = this.#shares[class_]!
    if (share < 1) {
      const credit = this.#credits[class_]! + share
      if (credit < 1) {
        this.#credits[class_] = credit
        return false
      }
      this.#credits[class_] = credit - 1
    }
    this.#admitted++
    return true
  }

  /**
   * Ends an interval, and sets the shares for the next interval.
   *
   * @param load        highest ratio of a measured value to its limit in the interval
   * @param elapsedMs   length of the interval
   * @param isEnforced  false when requests that are not admitted are processed nevertheless (`mode: observe`)
   */
  adjust(load: number, elapsedMs: number, isEnforced = true): void {
    this.#overloaded = load > 1 ? this.#overloaded + 1 : 0
    if (this.#isShedding || this.#overloaded >= BEGIN_INTERVALS) this.#shed(load, elapsedMs, isEnforced)
    this.#arrivals.fill(0)
    this.#admitted = 0
  }

  /** Ends shedding at once. */
  reset(): void {
    this.#isShedding = false
    this.#overloaded = 0
    this.#level = 0
    this.#shares.fill(1)
    this.#credits.fill(0)
  }

  #shed(load: number, elapsedMs: number, isEnforced: boolean): void {
    const admitted = this.#admitted / elapsedMs
    if (!this.#isShedding) this.#begin(admitted, elapsedMs)
    let arrived = 0
    for (let i = 0; i < CLASSES; i++) {
      const rate = this.#arrivals[i]! / elapsedMs
      arrived += rate
      this.#rates[i] = (1 - NEWEST) * this.#rates[i]! + NEWEST * rate
    }
    if (!isEnforced) this.#rate = load > 1 ? arrived / load : Number.POSITIVE_INFINITY
    else if (load > 1) this.#lower(load, admitted, arrived)
    else this.#rate = this.#rate * (1 + (load < LOAD_LOW ? INCREASE_FAST : INCREASE)) + RATE_MIN
    this.#share()
    this.#calmMs = load <= 1 && this.#level === 0 ? this.#calmMs + elapsedMs : 0
    if (this.#calmMs >= END_MS) this.reset()
  }

  #lower(load: number, admitted: number, arrived: number): void {
    const decrease = Math.min(DECREASE_MAX, DECREASE * load)
    this.#work = Math.max(this.#work * WORK_DECAY, admitted + SHED_COST * (arrived - admitted))
    let known = 0
    for (let i = FIRST_KNOWN; i < CLASSES; i++) known += this.#rates[i]!
    const least = Math.max(RATE_MIN, WORK_MIN_OF_ALL * this.#work, Math.min(known, WORK_MIN * this.#work))
    this.#rate = Math.max(least, Math.min(this.#rate, admitted) * (1 - decrease))
  }

  /** While the node could not keep up, it processed as many requests as it can: the first admitted rate. */
  #begin(admitted: number, elapsedMs: number): void {
    this.#isShedding = true
    this.#calmMs = 0
    this.#work = 0
    this.#rate = admitted
    for (let i = 0; i < CLASSES; i++) this.#rates[i] = this.#arrivals[i]! / elapsedMs
  }

  #share(): void {
    let left = this.#rate
    this.#level = 0
    for (let i = CLASSES - 1; i >= 0; i--) {
      const rate = this.#rates[i]!
      this.#shares[i] = rate <= left ? 1 : left / rate
      left = Math.max(0, left - rate)
      if (this.#level === 0 && this.#shares[i]! < 1) this.#level = i + 1
    }
  }
}
