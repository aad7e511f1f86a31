import { expect, test } from 'vitest'
import { leastSquares, predict, relativeErrors } from '../../../bench/scale/least-squares.ts'
import { fitModel, predicted, sizeFor, type Usage } from '../../../bench/scale/model.ts'

// The cost model of a cluster: costs are fitted by least squares, and the number of nodes for a load is calculated from
// them.

const amounts = [
  [1, 0],
  [2, 0],
  [1, 100],
  [2, 1000],
]
const observed = (costs: number[], noise: number[] = []) =>
  amounts.map((each, i) => ({ amounts: each, found: predict(each, costs) * (1 + (noise[i] ?? 0)) }))

test('the least-squares fit of the cost model recovers the costs from which the observations were calculated', () => {
  const costs = leastSquares(observed([500, 3]), 2)

  expect(costs[0]).toBeCloseTo(500, 6)
  expect(costs[1]).toBeCloseTo(3, 6)
  expect(Math.max(...relativeErrors(observed([500, 3]), costs))).toBeCloseTo(0, 9)
})

test('noise of 10 % in the observations changes the fitted cost of a node by at most 20 %, and the reported errors show the noise', () => {
  const noisy = observed([500, 3], [0.1, -0.1, 0.1, -0.1])
  const costs = leastSquares(noisy, 2)

  expect(costs[0]! / 500).toBeGreaterThan(0.8)
  expect(costs[0]! / 500).toBeLessThan(1.2)
  expect(Math.max(...relativeErrors(noisy, costs))).toBeGreaterThan(0.05)
})

test('an observation of zero does not dominate the least-squares fit of the cost model', () => {
  const costs = leastSquares([...observed([500, 3]), { amounts: [0.001, 0], found: 0 }], 2)

  expect(costs[0]! / 500).toBeGreaterThan(0.99)
})

test('fitted costs of the cost model are not negative', () => {
  const falling = [
    { amounts: [1, 0], found: 100 },
    { amounts: [1, 10], found: 90 },
  ]

  expect(leastSquares(falling, 2)[1]).toBe(0)
})

test('the fit of the cost model throws an error when two cost terms are always proportional to each other', () => {
  const together = [
    { amounts: [1, 2], found: 10 },
    { amounts: [2, 4], found: 20 },
  ]

  expect(() => leastSquares(together, 2)).toThrow('do not determine the cost of each term')
})

/**
 * CPU time of the example cluster. Gate: 1 ms for each node, 40 µs for each request and 60 µs more at a light load, 10
 * µs for each lease, 30 µs for each exact request. Redis: 2 ms for each node, 20 µs for each lease, 10 µs for each
 * exact request.
 */
function usage(node: number, request: number, lease: number, exact: number, light = request): Usage {
  return {
    amounts: { node, request, light, lease, exact },
    nodeCpuUs: 1000 * node + 40 * request + 60 * light + 10 * lease + 30 * exact,
    redisCpuUs: 2000 * node + 20 * lease + 10 * exact,
    redisCommands: 10 * node + 2 * lease + exact,
  }
}
const model = fitModel(
  [1, 2, 4, 8].flatMap((n) => [
    usage(n, 0, 0, 0),
    usage(n, n * 500, 0, 0),
    usage(n, n * 500, n * 50, 0),
    usage(n, n * 400, 0, n * 400),
    usage(n, 9000, n * 50, 0, 0),
  ]),
)

test('the cost model reproduces the usage values from which it was fitted', () => {
  const seen = usage(4, 2000, 200, 0)

  expect(predicted(model.nodeCpuUs, seen.amounts)).toBeCloseTo(seen.nodeCpuUs, 3)
  expect(predicted(model.redisCommands, seen.amounts)).toBeCloseTo(seen.redisCommands, 3)
})

test.each([
  // 10,000 requests × 40 µs are two thirds of a core, which has 60 % available.
  { requests: 10_000, exactShare: 0, subjects: 0, nodes: 1, shards: 1 },
  // The requests need 40 cores, of which 60 % are available, and each node needs 1 ms more.
  { requests: 1_000_000, exactShare: 0, subjects: 0, nodes: 67, shards: 1 },
  // One in ten requests calls Redis, which needs 1 core of Redis and 3 more cores of nodes.
  { requests: 1_000_000, exactShare: 0.1, subjects: 0, nodes: 72, shards: 2 },
])(
  'the cost model calculates $nodes nodes and $shards Redis shards for $requests requests/s of which the share $exactShare has exact limits',
  ({ nodes, shards, ...demand }) => {
    expect(sizeFor(model, demand)).toMatchObject({ nodes, shards })
  },
)

test('in the cost model, a subject with many requests needs a lease at every node, and a subject with few requests needs one Redis call per request', () => {
  const few = sizeFor(model, { requests: 1_000_000, exactShare: 0, subjects: 1000 })
  const many = sizeFor(model, { requests: 1_000_000, exactShare: 0, subjects: 1e9 })

  expect(few!.redisCommands).toBeCloseTo(few!.nodes * (10 + 2 * 1000), 0)
  expect(many!.redisCommands).toBeCloseTo(many!.nodes * 10 + 1_000_000, 0)
})

test('in the cost model, a subject behind a load balancer with sticky sessions has one lease, whatever the number of nodes', () => {
  const size = sizeFor(model, { requests: 1_000_000, exactShare: 0, subjects: 1000, subjectsStay: true })

  expect(size!.amounts.lease).toBe(1000)
  expect(size!.redisCommands).toBeCloseTo(size!.nodes * 10 + 2 * 1000, 0)
})

test('the cost model returns no cluster size if a node needs more CPU for its fixed work than it has', () => {
  const nodeCpuUs = { ...model.nodeCpuUs, costs: { ...model.nodeCpuUs.costs, node: 700_000 } }

  expect(sizeFor({ ...model, nodeCpuUs }, { requests: 1000, exactShare: 0, subjects: 0 })).toBeUndefined()
})
