import { expect, test } from 'vitest'
import type { FlowStep } from '../../../bench/overload/flow.ts'
import { type Observed, sickResult, sickTable } from '../../../bench/sick/sick-result.ts'

// Figures of the benchmark `sick-upstreams`, from what clients and the sick service observed.

const stepOf = (step: Partial<FlowStep> = {}): FlowStep => ({
  due: 100,
  unsent: 0,
  replies: { 200: 100 },
  arrived: 100,
  p50Ms: 10,
  p99Ms: 15,
  p999Ms: 18,
  lastRefusedMs: 0,
  ...step,
})

const observedOf = (observed: Partial<Observed> = {}): Observed => ({
  before: stepOf(),
  edge: stepOf({ due: 4, replies: { 200: 4 } }),
  sick: stepOf(),
  after: stepOf(),
  sickCalls: [],
  recoveredCalls: [],
  fairPerSecond: 30,
  lateP99Ms: 1,
  ...observed,
})

test.each([
  { replies: { 200: 100 }, failed: 0 },
  { replies: { 200: 90, 502: 10 }, failed: 10 },
  { replies: { 200: 90, failed: 10 }, failed: 10 },
  { replies: { 200: 90 }, failed: 10 },
])(
  'the benchmark of faulty services counts $failed of 100 requests with the replies $replies as failed',
  ({ replies, failed }) => {
    const { failedCount, failedAfterCount } = sickResult(
      'gate',
      'hangs',
      observedOf({ sick: stepOf({ replies }), after: stepOf({ replies }) }),
    )

    expect(failedCount).toBe(failed)
    expect(failedAfterCount).toBe(failed)
  },
)

test('the benchmark of faulty services counts failures of requests that were in progress when the fault began', () => {
  const edge = stepOf({ due: 4, replies: { 200: 3, 504: 1 } })

  expect(sickResult('gate', 'hangs', observedOf({ edge })).failedCount).toBe(1)
})

test('in the benchmark of faulty services, the added latency is the percentile during the fault minus the percentile before it', () => {
  const sick = stepOf({ p99Ms: 115, p999Ms: 518, lastRefusedMs: 2500 })

  expect(sickResult('nginx', 'slow', observedOf({ sick }))).toMatchObject({
    addedP99Ms: 100,
    addedP999Ms: 500,
    failingS: 2.5,
  })
})

test.each([
  { recoveredCalls: [0, 2, 14, 15, 30], inUseS: 3 },
  { recoveredCalls: [30], inUseS: 0 },
  { recoveredCalls: [0, 14], inUseS: undefined },
])(
  'in the benchmark of faulty services, a recovered service with $recoveredCalls calls per second (30 before the fault) is in use after $inUseS s',
  ({ recoveredCalls, inUseS }) => {
    expect(sickResult('gate', 'hangs', observedOf({ recoveredCalls })).inUseS).toBe(inUseS)
  },
)

test('the benchmark reports the share of all requests during a fault that went to the faulty service', () => {
  const result = sickResult('haproxy', 'errors', observedOf({ sickCalls: [8, 0, 2] }))

  expect(result.sickCallsPercent).toBe(10)
  expect(sickTable([result]).rows).toHaveLength(1)
})
