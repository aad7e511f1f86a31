import { performance } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import type { TraceSettings } from '../../../gateway/base/telemetry-settings.ts'
import { newTraceId } from '../../../gateway/base/trace-id.ts'
import { Tracer, type TraceShare } from '../../../gateway/telemetry/tracer.ts'

// OpenTelemetry Trace SDK: the samplers ParentBased and TraceIdRatioBased.

const usual: TraceSettings = {
  endpoint: undefined,
  ratio: 0,
  parentBased: true,
  slowMs: undefined,
  faults: false,
  maxPerSecond: 1_000_000,
  recent: 0,
  link: undefined,
}
const tracer = (settings: Partial<TraceSettings>): Tracer => new Tracer({ ...usual, ...settings }, [])

test.each([
  { parentBased: true, ratio: 0, begun: true, expected: true },
  { parentBased: true, ratio: 1, begun: false, expected: false },
  { parentBased: true, ratio: 1, begun: undefined, expected: true },
  { parentBased: true, ratio: 0, begun: undefined, expected: false },
  { parentBased: false, ratio: 0, begun: true, expected: false },
  { parentBased: false, ratio: 1, begun: false, expected: true },
])(
  "whether the tracer samples a trace with parentBased $parentBased, ratio $ratio and the client's sampled flag $begun: $expected",
  (each) => {
    expect(tracer(each).wants(newTraceId(), each.begun)).toBe(each.expected)
  },
)

test('two tracers with the ratio 0.1 sample the same trace ids, about a tenth of all', () => {
  const [one, other, more] = [tracer({ ratio: 0.1 }), tracer({ ratio: 0.1 }), tracer({ ratio: 0.5 })]
  const ids = Array.from({ length: 20_000 }, newTraceId)
  const chosen = ids.filter((id) => one.wants(id, undefined))

  // The standard deviation of the count is 42, so the tolerance of 340 is eight standard deviations.
  expect(Math.abs(chosen.length - 2000)).toBeLessThan(340)
  expect(ids.filter((id) => other.wants(id, undefined))).toEqual(chosen)
  // A tracer with a larger ratio selects every trace id that a tracer with a smaller ratio selects.
  expect(chosen.every((id) => more.wants(id, undefined))).toBe(true)
})

test.each([
  { title: 'a fast exchange', slowMs: 100, faults: true, reason: 'admitted', repliedAt: 50, now: 60, expected: false },
  {
    title: 'an exchange with a timely reply head and a long body',
    slowMs: 100,
    faults: true,
    reason: 'admitted',
    repliedAt: 50,
    now: 9000,
    expected: false,
  },
  {
    title: 'an exchange with a late reply',
    slowMs: 100,
    faults: false,
    reason: 'admitted',
    repliedAt: 100,
    now: 110,
    expected: true,
  },
  {
    title: 'an exchange that was refused late',
    slowMs: 100,
    faults: false,
    reason: 'rate-limited',
    repliedAt: 0,
    now: 200,
    expected: true,
  },
  {
    title: 'an exchange that ended with a fault',
    slowMs: undefined,
    faults: true,
    reason: 'upstream-timeout',
    repliedAt: 0,
    now: 5,
    expected: true,
  },
  {
    title: 'an exchange with a broken reply',
    slowMs: undefined,
    faults: true,
    reason: 'reply-broken',
    repliedAt: 1,
    now: 5,
    expected: true,
  },
  {
    title: 'an exchange whose client disconnected',
    slowMs: undefined,
    faults: true,
    reason: 'client-gone',
    repliedAt: 1,
    now: 5,
    expected: false,
  },
  {
    title: 'a refused exchange',
    slowMs: undefined,
    faults: true,
    reason: 'scope-missing',
    repliedAt: 0,
    now: 5,
    expected: false,
  },
  {
    title: 'an exchange that ended with a fault, while faults are off,',
    slowMs: undefined,
    faults: false,
    reason: 'upstream-timeout',
    repliedAt: 0,
    now: 5,
    expected: false,
  },
] as const)(
  'when an exchange that was not sampled ends, the tracer records $title: $expected',
  ({ slowMs, faults, reason, repliedAt, now, expected }) => {
    expect(tracer({ slowMs, faults }).keeps({ reason, startedAt: 0, repliedAt }, now)).toBe(expected)
  },
)

test.each([
  { faults: true, maxPerSecond: 100, sampled: 90, refused: 45 },
  { faults: true, maxPerSecond: 1, sampled: 1, refused: 1 },
  { faults: true, maxPerSecond: 2, sampled: 1, refused: 1 },
  { faults: false, maxPerSecond: 100, sampled: 100, refused: 50 },
])(
  'with max_per_second $maxPerSecond and faults $faults, the tracer records at most $sampled sampled exchanges per second, of which at most $refused are refused ones',
  (each) => {
    const settings = { faults: each.faults, maxPerSecond: each.maxPerSecond }
    const taken = (one: Tracer, share: TraceShare) =>
      Array.from({ length: 200 }, () => one.hasRoom(share)).filter(Boolean).length
    /** Repeats the measurement until it fits within one second of the tracer's clock. */
    const counted = () => {
      for (;;) {
        const [one, other] = [tracer(settings), tracer(settings)]
        const second = Math.floor(performance.now() / 1000)
        const counts = [taken(one, 'refused'), taken(one, 'admitted'), taken(one, 'fault'), taken(other, 'admitted')]
        if (Math.floor(performance.now() / 1000) === second) return { counts, limited: one.limited }
      }
    }
    const { counts, limited } = counted()

    expect(counts).toEqual([each.refused, each.sampled - each.refused, each.maxPerSecond - each.sampled, each.sampled])
    expect(limited).toBe(600 - each.maxPerSecond)
  },
)
