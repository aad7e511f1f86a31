import { performance } from 'node:perf_hooks'
import { type Decision, decisionOf } from '../base/decision.ts'
import { reasons } from '../base/reasons.ts'
import { type CountedRoute, trafficLayout } from './traffic.ts'

/** Time that one point of a series covers, ms. Points begin at multiples of this time since the Unix epoch. */
export const TRAFFIC_STEP_MS = 2000
/** Number of points of a series. */
export const TRAFFIC_STEPS = 60
/** A window begins at the start of the previous minute of this length, ms: all nodes then report nearly the same time. */
const ROTATE_MS = 60_000

/** Time after the end of a step at which the counters are read, ms. */
const LATE_MS = 20

const { classes, length } = trafficLayout
const class5xx = classes + 5

/** Places of the reasons with each decision that means trouble. */
const refused = placesOf('refused')
const failed = placesOf('failed')
/** Places of those of them whose reply has a status of 500 or above. */
const faulty = [...refused, ...failed].filter((place) => reasons[trafficLayout.reasons[place]!].status >= 500)

function placesOf(wanted: Decision): number[] {
  return trafficLayout.reasons.flatMap((reason, place) => (decisionOf(reason) === wanted ? [place] : []))
}

/** Numbers of exchanges that mean trouble. */
export interface TroubleCounts {
  readonly failed: number
  /** Number of replies of the service with status 5xx. */
  readonly faults: number
  readonly refused: number
  readonly requests: number
}

/** Recent counters of one route. */
class RouteWindow implements RecentRoute {
  readonly route: string
  /** Counters at the start of the window, at the start of the next one, and at the last call of `update`. */
  #since = new Uint32Array(length)
  #next = new Uint32Array(length)
  readonly #now = new Uint32Array(length)
  readonly #requests = new Uint32Array(TRAFFIC_STEPS)
  readonly #troubles = new Uint32Array(TRAFFIC_STEPS)
  #finished = 0
  #sinceFinished = 0
  #nextFinished = 0
  /** Number of exchanges since the first one that mean trouble, and of those before the start of the window. */
  #troubled = 0
  #troubledBefore = 0
  /** Step of the newest exchange. */
  newest = 0

  constructor(route: string) {
    this.route = route
  }

  /** Adds the exchanges since the last call to the points of the series after the step `last`, up to `step`. */
  update(route: CountedRoute, last: number, step: number): void {
    const first = Math.max(last + 1, step - TRAFFIC_STEPS + 1)
    for (let each = first; each <= step; each++) {
      this.#requests[each % TRAFFIC_STEPS] = 0
      this.#troubles[each % TRAFFIC_STEPS] = 0
    }
    const { finished } = route
    if (finished === this.#finished) return
    this.newest = step
    route.copyTo(this.#now)
    const { failed: failures, faults, refused: refusals } = this.trouble
    const troubled = this.#troubledBefore + failures + faults + refusals
    const steps = Math.max(1, step - first + 1)
    spread(this.#requests, finished - this.#finished, steps, step)
    spread(this.#troubles, Math.max(0, troubled - this.#troubled), steps, step)
    this.#finished = finished
    this.#troubled = troubled
  }

  rotate(): void {
    const [since, next] = [this.#since, this.#next]
    this.#since = next
    since.set(this.#now)
    this.#next = since
    this.#sinceFinished = this.#nextFinished
    this.#nextFinished = this.#finished
    const { failed: failures, faults, refused: refusals } = this.trouble
    this.#troubledBefore = this.#troubled - failures - faults - refusals
  }

  get trouble(): TroubleCounts {
    const [refusals, failures] = [this.#sum(refused), this.#sum(failed)]
    // All replies with status 5xx, without those of the gate itself.
    const faults = Math.max(0, this.#count(class5xx) - this.#sum(faulty))
    return { failed: failures, faults, refused: refusals, requests: this.#finished - this.#sinceFinished }
  }

  get counts(): Uint32Array {
    return this.#now.map((count, place) => count - this.#since[place]!)
  }

  addTo(sums: Float64Array): void {
    for (let place = 0; place < length; place++) sums[place]! += this.#count(place)
  }

  series(step: number): RecentSeries {
    const order = Array.from({ length: TRAFFIC_STEPS }, (_, i) => (step + 1 + i) % TRAFFIC_STEPS)
    return { requests: order.map((at) => this.#requests[at]!), trouble: order.map((at) => this.#troubles[at]!) }
  }

  addSeries({ requests, trouble }: { readonly [name in keyof RecentSeries]: number[] }, step: number): void {
    for (let i = 0; i < TRAFFIC_STEPS; i++) {
      const at = (step + 1 + i) % TRAFFIC_STEPS
      requests[i]! += this.#requests[at]!
      trouble[i]! += this.#troubles[at]!
    }
  }

  /** Counter modulo 2³², since the start of the window. */
  #count(place: number): number {
    return (this.#now[place]! - this.#since[place]!) >>> 0
  }

  #sum(places: readonly number[]): number {
    let sum = 0
    for (const place of places) sum += this.#count(place)
    return sum
  }
}

/** Adds a count evenly to the last `steps` points of a series: after a busy time, one call covers several steps. */
function spread(series: Uint32Array, count: number, steps: number, step: number): void {
  const each = Math.floor(count / steps)
  for (let i = 1; i < steps; i++) series[(step - i) % TRAFFIC_STEPS]! += each
  series[step % TRAFFIC_STEPS]! += count - each * (steps - 1)
}

/** Series of a route: for each step, the oldest first, its exchanges, and those of them that mean trouble. */
export interface RecentSeries {
  readonly requests: readonly number[]
  readonly trouble: readonly number[]
}

/** Recent traffic of one route of a node. Computes only what is read, because a policy can have thousands of routes. */
export interface RecentRoute {
  /** Id of the route; `''` for exchanges that matched no route. */
  readonly route: string
  readonly trouble: TroubleCounts
  /** Counters of the window, in the order of `trafficLayout`. */
  readonly counts: Uint32Array
  /** Adds these counters to `sums`. */
  addTo(sums: Float64Array): void
  /** @param step  number of the newest step */
  series(step: number): RecentSeries
  /** Adds the points of the series to `sums`. */
  addSeries(sums: { readonly [name in keyof RecentSeries]: number[] }, step: number): void
}

/** Recent traffic of a node. */
export interface RecentTraffic {
  readonly atMs: number
  /** Start of the window, ms since the Unix epoch: that of the previous minute, or the start of the node. */
  readonly sinceMs: number
  /** Number, since the Unix epoch, of the newest step of the series, which is complete. */
  readonly step: number
  /** Routes with at least one exchange in the last 2 minutes, which are the series and at least the window. */
  readonly routes: readonly RecentRoute[]
}

/**
 * Computes recent traffic from the counters of {@link Traffic}, which never fall. Reads them once in each step of 2 s, at
 * its end, so that an exchange costs nothing more.
 */
export class TrafficWindows {
  readonly #routes: () => Iterable<readonly [route: string, counts: CountedRoute]>
  readonly #now: () => number
  /**
   * Windows by the id of the route, from its first exchange on.
   *
   * @bound the routes of the policy, and 1,000 removed routes; 2 KB each | see `Traffic.routes` | none
   */
  readonly #windows = new Map<string, RouteWindow>()
  #sinceMs: number
  #nextMs: number
  #step: number

  /** @param now  ms since the Unix epoch; must not go back, also when the clock of the machine is set back */
  constructor(
    routes: () => Iterable<readonly [route: string, counts: CountedRoute]>,
    now: () => number = () => performance.timeOrigin + performance.now(),
  ) {
    this.#routes = routes
    this.#now = now
    this.#sinceMs = now()
    this.#nextMs = this.#sinceMs
    this.#step = completeStep(this.#sinceMs)
  }

  /** Time until the current step is complete, ms. */
  get pauseMs(): number {
    return TRAFFIC_STEP_MS - (this.#now() % TRAFFIC_STEP_MS) + LATE_MS
  }

  /** Reads the counters, and returns the recent traffic of all routes. */
  read(): RecentTraffic {
    const atMs = this.#now()
    const last = this.#step
    const step = completeStep(atMs)
    this.#step = step
    const known = new Set<string>()
    for (const [id, route] of this.#routes()) {
      known.add(id)
      const window = this.#windows.get(id)
      if (window !== undefined) window.update(route, last, step)
      else if (route.finished > 0) this.#begin(id).update(route, last, step)
    }
    for (const id of this.#windows.keys()) if (!known.has(id)) this.#windows.delete(id)
    this.#rotate(atMs)
    const routes = [...this.#windows.values()].filter(({ newest }) => step - newest <= TRAFFIC_STEPS)
    return { atMs, sinceMs: this.#sinceMs, step, routes }
  }

  #begin(id: string): RouteWindow {
    const window = new RouteWindow(id)
    this.#windows.set(id, window)
    return window
  }

  #rotate(atMs: number): void {
    if (Math.floor(atMs / ROTATE_MS) <= Math.floor(this.#nextMs / ROTATE_MS)) return
    for (const window of this.#windows.values()) window.rotate()
    this.#sinceMs = this.#nextMs
    this.#nextMs = atMs
  }
}

function completeStep(atMs: number): number {
  return Math.floor(atMs / TRAFFIC_STEP_MS) - 1
}
