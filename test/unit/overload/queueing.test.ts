import { expect, test } from 'vitest'
import { QueueingNode } from './queueing-node.ts'

// docs/design/decisions/0038-shed-unknown-callers-first.md, in a model of a node with a queue: no clock is involved.

/** Time in which the node finds the rate that it can admit, ms. */
const BEGIN_MS = 3000

function overloaded(limitMs: number, refusalDelayMs: number) {
  const node = new QueueingNode(limitMs, refusalDelayMs)
  node.run(0.8, BEGIN_MS)
  node.run(3, BEGIN_MS)
  return { node, ...node.run(3, 20_000) }
}

test('at three times the capacity, delayed refusals keep 90 % goodput and a short queue', () => {
  const { goodput, criticalP50Ms, criticalP99Ms } = overloaded(10, 1000)

  expect(goodput).toBeGreaterThan(0.9)
  expect(criticalP50Ms).toBeLessThan(12)
  expect(criticalP99Ms).toBeLessThan(60)
})

test('at three times the capacity, immediate refusals keep less goodput than delayed ones', () => {
  expect(overloaded(10, 0).goodput).toBeLessThan(overloaded(10, 1000).goodput - 0.2)
})

test('without a limit of the delay, the queue is as long as the clients can make it', () => {
  expect(overloaded(10_000, 1000).criticalP50Ms).toBeGreaterThan(100)
})

test('2 s after an overload, the node processes the usual load without a queue', () => {
  const { node } = overloaded(10, 1000)
  node.run(0.8, 2000)
  const { goodput, criticalP99Ms } = node.run(0.8, 5000)

  expect(goodput).toBeGreaterThan(0.79)
  expect(criticalP99Ms).toBeLessThan(5)
})
