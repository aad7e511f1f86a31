import { expect, test } from 'vitest'
import { byTrouble, type StoredRow } from '../../../gateway/cluster/traffic-row.ts'
import { mergeTraffic, type StoredTraffic } from '../../../gateway/cluster/traffic-summaries.ts'

// Summaries of several nodes are merged into the traffic of the cluster.

function rowOf(route: string, reasons: Record<string, number>, more: Partial<StoredRow> = {}): StoredRow {
  const lists = { own: [], upstream: [], requests: [], trouble: [] }
  return { route, service: 'orders', reasons, classes: [0, 0, 0, 0, 0, 0], faults: 0, inFlight: 0, ...lists, ...more }
}

function bodyOf(routes: StoredRow[], more: Partial<StoredTraffic> = {}): StoredTraffic {
  return { atMs: 5, windowS: 100, step: 1000, routes, summed: 0, others: rowOf('', {}), ...more }
}

test('the traffic of a cluster adds the rows of one route on two nodes, and calculates the rate with the time window of each node', () => {
  const a = rowOf('read', { admitted: 100, 'credential-missing': 2 }, { faults: 1, inFlight: 2, requests: [4, 5] })
  const b = rowOf('read', { admitted: 50 }, { inFlight: 1, requests: [7] })
  const { routes } = mergeTraffic([
    { node: 'a', body: bodyOf([a]) },
    { node: 'b', body: bodyOf([b], { windowS: 50, step: 999 }) },
  ])
  expect(routes).toHaveLength(1)
  const [{ nodes, row }] = routes as [(typeof routes)[number]]
  expect(nodes).toEqual(['a', 'b'])
  expect(row).toMatchObject({ requests: 152, faults: 1, inFlight: 3 })
  expect(row.perSecond).toBeCloseTo(102 / 100 + 50 / 50)
  expect(row.decided('refused')).toBe(2)
  // The newest point of node b is one step older than that of node a.
  expect([...row.series.requests.slice(-3)]).toEqual([0, 4 + 7, 5])
})

test('the traffic of a cluster calculates percentiles from the sum of the histogram buckets of its nodes', () => {
  const upstream = (at: number, count: number) => Array.from({ length: 16 }, (_, i) => (i === at ? count : 0))
  // Bucket 5 is 10 to 25 ms, bucket 9 is 250 to 500 ms.
  const fast = rowOf('read', { admitted: 94 }, { upstream: upstream(5, 94) })
  const slow = rowOf('read', { admitted: 6 }, { upstream: upstream(9, 6) })
  const [merged] = mergeTraffic([
    { node: 'a', body: bodyOf([fast]) },
    { node: 'b', body: bodyOf([slow]) },
  ]).routes
  const { p50, p95, p99 } = merged!.row.upstream!
  expect([p50 > 10 && p50 < 25, p95 > 250 && p95 < 500, p99 > p95 && p99 < 500]).toEqual([true, true, true])
  expect(merged!.row.own).toBeUndefined()
})

test('the traffic of a cluster counts the requests of a node with other histogram buckets, but ignores the durations of that node', () => {
  const other = rowOf('read', { admitted: 4 }, { upstream: [1, 2, 3] })
  const [merged] = mergeTraffic([{ node: 'a', body: bodyOf([other]) }]).routes
  expect(merged!.row.requests).toBe(4)
  expect(merged!.row.upstream).toBeUndefined()
})

test('the traffic of a cluster counts requests with an unknown reason of another version, but adds them to no decision', () => {
  const [merged] = mergeTraffic([{ node: 'a', body: bodyOf([rowOf('read', { toString: 3, 'new-reason': 4 })]) }]).routes
  expect(merged!.row.requests).toBe(7)
  expect(merged!.row.decided('refused')).toBe(0)
})

test('the traffic of a cluster lists a node without a traffic summary without a time', () => {
  const { nodes, routes } = mergeTraffic([
    { node: 'a', body: bodyOf([], { summed: 3, others: rowOf('', { admitted: 9 }) }) },
    { node: 'b', body: undefined },
  ])
  expect(nodes).toEqual([
    { node: 'a', atMs: 5, routes: 0, summed: 3 },
    { node: 'b', atMs: undefined, routes: 0, summed: 0 },
  ])
  expect(routes).toEqual([])
})

test('the traffic of a cluster lists routes with failures of the gate first, then routes with 5xx, then routes with the greatest share of refusals', () => {
  const rows = [
    { route: 'busy', failed: 0, faults: 0, refused: 0, requests: 1000 },
    { route: 'half', failed: 0, faults: 0, refused: 5, requests: 10 },
    { route: 'tenth', failed: 0, faults: 0, refused: 100, requests: 1000 },
    { route: 'faulty', failed: 0, faults: 1, refused: 0, requests: 1000 },
    { route: 'failed', failed: 1, faults: 0, refused: 0, requests: 1000 },
    { route: 'quiet', failed: 0, faults: 0, refused: 0, requests: 1 },
  ]
  expect(rows.sort(byTrouble).map(({ route }) => route)).toEqual(['failed', 'faulty', 'half', 'tenth', 'busy', 'quiet'])
})
