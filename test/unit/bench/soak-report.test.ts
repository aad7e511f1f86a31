import { expect, test } from 'vitest'
import { Outcomes } from '../../../bench/soak/outcomes.ts'
import type { KeyGroup } from '../../../bench/soak/redis-key-groups.ts'
import { soakFinding } from '../../../bench/soak/soak-report.ts'

// Figures of the benchmark `soak`: the slope that the samples prove, of the process that grows most.

/** Samples of an hour, one a minute, on a line. */
const line = (perHour: number) =>
  Array.from({ length: 60 }, (_, i) => ({ atS: i * 60, value: 100 + (perHour * i) / 60 }))

const groupOf = (unexpiring: number): KeyGroup => ({ name: 'gh:{x}', expiring: 3, unexpiring, longestS: 60 })

const findingOf = (more: Partial<Parameters<typeof soakFinding>[0]> = {}) =>
  soakFinding({
    series: [
      { process: 'node 1', figure: 'heap_mib', points: line(-3) },
      { process: 'node 2', figure: 'heap_mib', points: line(7) },
      { process: 'worker', figure: 'resident_mib', points: line(-3) },
    ],
    outcomes: new Outcomes(),
    warmS: 0,
    groupsBefore: [groupOf(5)],
    groupsAfter: [groupOf(5)],
    ...more,
  })

test('the soak report shows the slope of the process that grows most, and 0 if every process shrinks', () => {
  const { figures } = findingOf()

  expect(figures['heap_mib_per_hour']!.median).toBeCloseTo(7)
  expect(figures['resident_mib_per_hour']!.median).toBe(0)
  expect(figures['files_per_hour']).toBeUndefined()
})

test('the soak report ignores samples of the warm-up in the slope', () => {
  const points = line(7).map((point, i, all) => (i < 30 ? point : { ...point, value: all[30]!.value }))
  const series = [{ process: 'node 1', figure: 'heap_mib', points } as const]

  expect(findingOf({ series, warmS: 1800 }).figures['heap_mib_per_hour']!.median).toBeCloseTo(0)
  expect(findingOf({ series }).figures['heap_mib_per_hour']!.median).toBeGreaterThan(1)
})

test.each([
  { after: 9, added: 4 },
  { after: 3, added: 0 },
])(
  'the soak report states $added added Redis keys without expiry for 5 keys after the warm-up and $after at the end',
  ({ after, added }) => {
    expect(findingOf({ groupsAfter: [groupOf(after)] }).figures['added_unexpiring_keys']!.median).toBe(added)
  },
)

test('the soak report lists each failure with its action and its cause', async () => {
  const outcomes = new Outcomes()
  await outcomes.attempt('upload', async () => undefined)
  await outcomes.attempt('upload', () => Promise.reject(new Error('status 502')))
  const { figures, tables } = findingOf({ outcomes })

  expect(figures['completed_actions']!.median).toBe(1)
  expect(figures['failed_actions']!.median).toBe(1)
  expect(tables![1]!.rows).toEqual([
    ['upload', 1],
    ['FAILED upload: status 502', 1],
  ])
})
