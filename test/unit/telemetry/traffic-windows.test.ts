import { beforeEach, expect, test } from 'vitest'
import { type EndedExchange, Traffic, trafficLayout } from '../../../gateway/telemetry/traffic.ts'
import { type RecentSeries, type RecentTraffic, TrafficWindows } from '../../../gateway/telemetry/traffic-windows.ts'

// Recent traffic of a node, from counters that never fall, with a clock that the test moves.

const MINUTE = 60_000
let nowMs: number
let traffic: Traffic
let windows: TrafficWindows

beforeEach(() => {
  nowMs = 1_000_000 * MINUTE + 10
  traffic = new Traffic()
  traffic.retain(['orders'])
  windows = new TrafficWindows(
    () => traffic.routes(),
    () => nowMs,
  )
})

function count(reason: EndedExchange['reason'], status: number, route: string | undefined = 'orders'): void {
  const head = { version: '1.1', grpc: false } as const
  const times = { startedAt: performance.now(), forwardedAt: 0, repliedAt: 0 }
  traffic.count({
    route: route === '' ? undefined : { id: route },
    reason,
    status,
    ...times,
    head,
    downstream: { bytesIn: 0, bytesOut: 0 },
  })
}

function afterStep(): RecentTraffic {
  nowMs += 2000
  return windows.read()
}

function seriesIn({ routes: [orders], step }: RecentTraffic): RecentSeries {
  return orders!.series(step)
}

function reasonsIn({ routes }: RecentTraffic, route = 'orders'): Record<string, number> {
  const { counts } = routes.find((each) => each.route === route)!
  return Object.fromEntries(trafficLayout.reasons.flatMap((name, i) => (counts[i]! > 0 ? [[name, counts[i]!]] : [])))
}

test('each point of a traffic series has the exchanges of one step, and how many of them were refused, failed or got a 5xx from the service', () => {
  count('admitted', 200)
  count('admitted', 503)
  count('credential-missing', 401)
  afterStep()
  afterStep()
  count('upstream-unreachable', 502)
  const { requests, trouble } = seriesIn(afterStep())
  expect(requests.slice(-3)).toEqual([3, 0, 1])
  expect(trouble.slice(-3)).toEqual([2, 0, 1])
})

test('if a node reads its traffic counters after several steps, the traffic series spreads the exchanges over these steps', () => {
  count('admitted', 200)
  afterStep()
  for (let i = 0; i < 7; i++) count('admitted', 200)
  nowMs += 4000
  expect(seriesIn(afterStep()).requests.slice(-4)).toEqual([1, 2, 2, 3])
})

test('the traffic window of a node contains the exchanges since the start of the previous minute', () => {
  count('admitted', 200)
  expect(reasonsIn(afterStep())).toEqual({ admitted: 1 })
  nowMs += MINUTE
  count('credential-missing', 401)
  expect(reasonsIn(afterStep())).toEqual({ admitted: 1, 'credential-missing': 1 })
  nowMs += MINUTE
  count('admitted', 200)
  // The clock passed the end of the second minute: the first exchange is out of the window after this reading.
  afterStep()
  count('credential-missing', 401)
  const recent = afterStep()
  expect(recent.atMs - recent.sinceMs).toBeLessThanOrEqual(2 * MINUTE)
  expect(recent.routes[0]!.trouble).toEqual({ failed: 0, faults: 0, refused: 1, requests: 2 })
  // The trouble of the earlier window is not counted again in the series.
  expect(seriesIn(recent).trouble.slice(-2)).toEqual([0, 1])
})

test('the traffic of a node omits a route without an exchange in the last 2 minutes; later exchanges of the route are counted from 0', () => {
  count('admitted', 200)
  afterStep()
  for (let i = 0; i < 61; i++) afterStep()
  expect(afterStep().routes).toEqual([])
  count('credential-missing', 401)
  expect(reasonsIn(afterStep())).toEqual({ 'credential-missing': 1 })
})

test('the traffic of a node counts exchanges without a route, and exchanges of removed routes', () => {
  count('route-unknown', 404, '')
  count('admitted', 200)
  expect(reasonsIn(afterStep(), '')).toEqual({ 'route-unknown': 1 })
  traffic.retain([])
  expect(reasonsIn(afterStep())).toEqual({ admitted: 1 })
})
