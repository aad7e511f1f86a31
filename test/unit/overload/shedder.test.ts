import { expect, test } from 'vitest'
import { priorityIndex } from '../../../gateway/base/priority.ts'
import { classOf, KNOWN_ADDRESS, STRANGER, USER } from '../../../gateway/overload/caller-class.ts'
import { Shedder } from '../../../gateway/overload/shedder.ts'

// docs/guide/overload.md: an overloaded node admits as many requests as it can process, of the highest classes.

const INTERVAL_MS = 100
/** Cost of a shed request in the model below, as a part of the cost of an admitted one. */
const SHED_COST = 0.15

const batch = classOf(USER, priorityIndex('batch'))
const ordinary = classOf(USER, priorityIndex('default'))
const critical = classOf(USER, priorityIndex('critical'))
const stranger = classOf(STRANGER, priorityIndex('critical'))
const knownAddress = classOf(KNOWN_ADDRESS, priorityIndex('default'))

type Arrivals = ReadonlyMap<number, number>

/**
 * A node that can process `capacity` requests in an interval. Its load is the work of the interval. Requests beyond the
 * capacity wait in the kernel, and their clients give up.
 */
class ModelNode {
  readonly shedder = new Shedder()
  readonly #capacity: number
  #nowMs = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /**
   * Passes the arrivals of several intervals, evenly mixed. @returns the admitted part of the processed requests of each
   * class, in the last ten intervals
   */
  intervals(count: number, arrivals: Arrivals, isEnforced = true): Map<number, number> {
    const last = new Map([...arrivals.keys()].map((each) => [each, { admitted: 0, processed: 0 }]))
    for (let n = 0; n < count; n++) {
      if (n === count - 10) for (const each of last.keys()) last.set(each, { admitted: 0, processed: 0 })
      this.#interval(arrivals, isEnforced, last)
    }
    return new Map([...last].map(([each, { admitted, processed }]) => [each, admitted / processed]))
  }

  /** Passes requests that arrive together, after a pause of one interval. @returns the number of admitted requests */
  burst(class_: number, count: number): number {
    const atMs = this.#nowMs + INTERVAL_MS
    return Array.from({ length: count }, () => this.shedder.admits(class_, atMs)).filter(Boolean).length
  }

  #interval(arrivals: Arrivals, isEnforced: boolean, sums: Map<number, { admitted: number; processed: number }>): void {
    let work = 0
    const most = Math.max(...arrivals.values())
    for (let i = 0; i < most && work < 1.2 * this.#capacity; i++) {
      for (const [each, count] of arrivals) {
        if (Math.floor(((i + 1) * count) / most) === Math.floor((i * count) / most)) continue
        const isAdmitted = this.shedder.admits(each, this.#nowMs + (INTERVAL_MS * i) / most)
        const sum = sums.get(each)!
        sum.processed++
        if (isAdmitted) sum.admitted++
        work += isAdmitted || !isEnforced ? 1 : SHED_COST
      }
    }
    this.#nowMs += INTERVAL_MS
    this.shedder.adjust(work / this.#capacity, INTERVAL_MS, isEnforced)
  }
}

test('of a load of three times its capacity, a node sheds the lowest priorities first, and works at its capacity', () => {
  const arrivals = new Map([
    [batch, 100],
    [ordinary, 100],
    [critical, 100],
  ])
  const admitted = new ModelNode(150).intervals(100, arrivals)

  expect(admitted.get(critical)).toBe(1)
  expect(admitted.get(batch)).toBe(0)
  expect(admitted.get(ordinary)).toBeGreaterThan(0.1)
  expect(admitted.get(ordinary)).toBeLessThan(0.5)
})

test('a load of one quarter above the capacity sheds a part of the lowest class and nothing of the others', () => {
  const arrivals = new Map([
    [batch, 100],
    [ordinary, 100],
  ])
  const admitted = new ModelNode(160).intervals(100, arrivals)

  expect(admitted.get(ordinary)).toBe(1)
  expect(admitted.get(batch)).toBeGreaterThan(0.3)
  expect(admitted.get(batch)).toBeLessThan(0.8)
})

test('a flood of strangers on a critical route sheds strangers only, and then callers known by address, and no user', () => {
  const flood = new Map([
    [stranger, 900],
    [knownAddress, 80],
    [batch, 60],
  ])
  const admitted = new ModelNode(200).intervals(100, flood)

  expect(admitted.get(batch)).toBe(1)
  expect(admitted.get(stranger)).toBeLessThan(0.05)
})

test('during a flood of strangers, the requests of users that arrive together after a pause of 100 ms are admitted', () => {
  const node = new ModelNode(200)
  node.intervals(
    50,
    new Map([
      [stranger, 900],
      [batch, 60],
    ]),
  )
  expect(node.burst(stranger, 200)).toBeLessThan(100)

  expect(node.burst(batch, 60)).toBe(60)
})

test('a flood whose shedding alone overloads the node sheds no user', () => {
  const flood = new Map([
    [stranger, 5000],
    [ordinary, 60],
  ])

  expect(new ModelNode(200).intervals(200, flood).get(ordinary)).toBe(1)
})

test('a node sheds nothing after one or two overloaded intervals, and begins to shed after the third', () => {
  const node = new ModelNode(50)
  const arrivals = new Map([[batch, 100]])

  node.intervals(2, arrivals)
  expect([node.shedder.isCounting, node.shedder.level]).toEqual([true, 0])
  node.intervals(1, new Map([[batch, 10]]))
  expect(node.shedder.isCounting).toBe(false)

  node.intervals(3, arrivals)
  // Requests of users first take the permits of the next 100 ms.
  node.intervals(20, arrivals)
  expect(node.shedder.level).toBe(batch + 1)
})

test('when the load ends, the node admits everything within 2 s, and then counts no arrivals', () => {
  const node = new ModelNode(100)
  node.intervals(60, new Map([[ordinary, 300]]))
  expect(node.shedder.level).toBe(ordinary + 1)

  const admitted = node.intervals(20, new Map([[ordinary, 60]]))
  expect(admitted.get(ordinary)).toBe(1)
  expect([node.shedder.level, node.shedder.isCounting]).toEqual([0, false])
})

test('without enforcement (mode observe), the share of requests that the node would admit is the inverse of the load', () => {
  // The model processes 1.2 times its capacity.
  const admitted = new ModelNode(100).intervals(50, new Map([[ordinary, 200]]), false)

  expect(admitted.get(ordinary)).toBeCloseTo(1 / 1.2, 1)
})
