import { performance } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import type { TraceSettings } from '../../../gateway/base/telemetry-settings.ts'
import { newTraceId } from '../../../gateway/base/trace-id.ts'
import { Tracer, type TraceShare } from '../../../gateway/telemetry/tracer.ts'

// OpenTelemetry, Trace SDK, samplers: ParentBased and TraceIdRatioBased.

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
])('parent based: $parentBased, ratio $ratio, begun elsewhere: $begun: recorded: $expected', (each) => {
  expect(tracer(each).wants(newTraceId(), each.begun)).toBe(each.expected)
})

test('a ratio records about that part, by the id alone: whoever has the ratio decides the same', () => {
  const [one, other, more] = [tracer({ ratio: 0.1 }), tracer({ ratio: 0.1 }), tracer({ ratio: 0.5 })]
  const ids = Array.from({ length: 20_000 }, newTraceId)
  const chosen = ids.filter((id) => one.wants(id, undefined))

  // 2,000 ± 42 is one standard deviation: this is eight of them.
  expect(Math.abs(chosen.length - 2000)).toBeLessThan(340)
  expect(ids.filter((id) => other.wants(id, undefined))).toEqual(chosen)
  // What the smaller ratio records, the larger one does.
  expect(chosen.every((id) => more.wants(id, undefined))).toBe(true)
})

test.each([
  { title: 'a quick one', slowMs: 100, faults: true, reason: 'admitted', repliedAt: 50, now: 60, expected: false },
  {
    title: 'one that began its reply in time and went on for long',
    slowMs: 100,
    faults: true,
    reason: 'admitted',
    repliedAt: 50,
    now: 9000,
    expected: false,
  },
  {
    title: 'one whose reply came late',
    slowMs: 100,
    faults: false,
    reason: 'admitted',
    repliedAt: 100,
    now: 110,
    expected: true,
  },
  {
    title: 'one that was refused late',
    slowMs: 100,
    faults: false,
    reason: 'rate-limited',
    repliedAt: 0,
    now: 200,
    expected: true,
  },
  {
    title: 'a fault',
    slowMs: undefined,
    faults: true,
    reason: 'upstream-timeout',
    repliedAt: 0,
    now: 5,
    expected: true,
  },
  {
    title: 'a broken reply',
    slowMs: undefined,
    faults: true,
    reason: 'reply-broken',
    repliedAt: 1,
    now: 5,
    expected: true,
  },
  {
    title: 'a client that went away',
    slowMs: undefined,
    faults: true,
    reason: 'client-gone',
    repliedAt: 1,
    now: 5,
    expected: false,
  },
  {
    title: 'a refusal',
    slowMs: undefined,
    faults: true,
    reason: 'scope-missing',
    repliedAt: 0,
    now: 5,
    expected: false,
  },
  {
    title: 'a fault that nobody asked for',
    slowMs: undefined,
    faults: false,
    reason: 'upstream-timeout',
    repliedAt: 0,
    now: 5,
    expected: false,
  },
] as const)(
  '$title is recorded for how it ended: $expected',
  ({ slowMs, faults, reason, repliedAt, now, expected }) => {
    expect(tracer({ slowMs, faults }).keeps({ reason, startedAt: 0, repliedAt }, now)).toBe(expected)
  },
)

test.each([
  { faults: true, maxPerSecond: 100, sampled: 90, refused: 45 },
  { faults: true, maxPerSecond: 1, sampled: 1, refused: 1 },
  { faults: true, maxPerSecond: 2, sampled: 1, refused: 1 },
  { faults: false, maxPerSecond: 100, sampled: 100, refused: 50 },
])('of $maxPerSecond a second, faults $faults: $sampled for all but faults, $refused for refused ones', (each) => {
  const settings = { faults: each.faults, maxPerSecond: each.maxPerSecond }
  const taken = (one: Tracer, share: TraceShare) =>
    Array.from({ length: 200 }, () => one.hasRoom(share)).filter(Boolean).length
  /** Within one second of the clock that the tracer counts by. */
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
})
