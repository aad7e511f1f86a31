import { expect, test } from 'vitest'
import { type Pauses, QueueingNode } from './queueing-node.ts'

// docs/design/decisions/0038-shed-unknown-callers-first.md, in a model of a node with a queue: no clock is involved.

/** Time in which the node finds the rate that it can admit, ms. */
const BEGIN_MS = 3000

function overloaded(limitMs: number, refusalDelayMs: number, pauses?: Pauses) {
  const node = new QueueingNode(limitMs, refusalDelayMs, pauses)
  node.run(0.8, BEGIN_MS)
  node.run(3, BEGIN_MS)
  return { node, ...node.run(3, 20_000) }
}

test('at a load of three times its capacity, a node that delays its refusals keeps 90 % goodput and a short queue', () => {
  const { goodput, criticalP50Ms, criticalP99Ms } = overloaded(10, 1000)

  expect(goodput).toBeGreaterThan(0.9)
  expect(criticalP50Ms).toBeLessThan(12)
  expect(criticalP99Ms).toBeLessThan(60)
})

test('at a load of three times its capacity, a node keeps less goodput with immediate refusals than with delayed ones', () => {
  expect(overloaded(10, 0).goodput).toBeLessThan(overloaded(10, 1000).goodput - 0.2)
})

test('without a limit of the event loop delay, the queue of an overloaded node becomes as long as the clients can make it', () => {
  expect(overloaded(10_000, 1000).criticalP50Ms).toBeGreaterThan(100)
})

test('2 s after an overload, the node processes the usual load without a queue', () => {
  const { node } = overloaded(10, 1000)
  node.run(0.8, 2000)
  const { goodput, criticalP99Ms } = node.run(0.8, 5000)

  expect(goodput).toBeGreaterThan(0.79)
  expect(criticalP99Ms).toBeLessThan(5)
})

test.each([
  { everyMs: 550, forMs: 40 },
  { everyMs: 1000, forMs: 150 },
])(
  'at three times the capacity, pauses of the process ($forMs ms every $everyMs ms) cost less than a quarter of the goodput',
  (pauses) => {
    const unprotected = overloaded(10_000, 1000, pauses)
    const { goodput, criticalP50Ms } = overloaded(10, 1000, pauses)

    expect(goodput).toBeGreaterThan(0.75 * unprotected.goodput)
    expect(criticalP50Ms).toBeLessThan(20)
  },
)

test.each([
  { everyMs: 1000, forMs: 150 },
  { everyMs: 3000, forMs: 70, startsMs: [0, 150, 300] },
])('below the capacity, a node sheds nothing because of pauses of its process', (pauses) => {
  const { goodput } = new QueueingNode(10, 1000, pauses).run(0.8, 30_000)

  expect(goodput).toBeCloseTo(new QueueingNode(10_000, 1000, pauses).run(0.8, 30_000).goodput, 4)
})

test.each([1, 2, 5])(
  'a flood of strangers (%d × the capacity) costs users that load half of a node few of their requests',
  (strangers) => {
    const node = new QueueingNode(10, 1000)
    node.run(0.5, BEGIN_MS)
    const { goodput, refused } = node.run(0.5, 10_000, strangers)

    expect(goodput).toBeGreaterThan(0.97 * 0.5)
    expect(refused).toBeLessThan(0.01)
  },
)

test('after a flood of strangers, a node refuses no user', () => {
  const node = new QueueingNode(10, 1000)
  node.run(0.5, BEGIN_MS)
  node.run(0.5, 5000, 2)

  expect(node.run(0.5, 5000).refused).toBe(0)
})
