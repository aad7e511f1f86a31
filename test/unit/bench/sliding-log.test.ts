import { expect, test } from 'vitest'
import { mostForCertain, perfectLog } from '../../../bench/harness/sliding-log.ts'

// The benchmark compares admissions with those of a perfect sliding log, and counts admissions above the limit only if
// they were certainly within one window.

test.each([
  { sent: [0, 10, 20], limit: 2, admitted: [0, 10] },
  { sent: [0, 10, 100], limit: 2, admitted: [0, 10, 100] },
  { sent: [0, 99, 100, 199, 200], limit: 1, admitted: [0, 100, 200] },
  { sent: [], limit: 1, admitted: [] },
])(
  'a perfect sliding log with limit $limit in 100 ms admits $admitted of the requests at $sent (ms)',
  ({ sent, limit, admitted }) => {
    expect(perfectLog(sent, limit, 100)).toEqual(admitted)
  },
)

test.each([
  {
    replies: [
      [0, 10],
      [20, 30],
      [80, 99],
    ],
    most: 3,
  },
  {
    replies: [
      [0, 10],
      [20, 30],
      [80, 100],
    ],
    most: 2,
  },
  {
    replies: [
      [0, 10],
      [50, 60],
      [120, 130],
      [140, 149],
    ],
    most: 3,
  },
  {
    replies: [
      [0, 10],
      [20, 110],
      [30, 40],
      [99, 99],
    ],
    most: 3,
  },
])(
  'of the admitted requests with the times [sent, replied] $replies (ms), the benchmark counts $most as certainly within one window of 100 ms',
  ({ replies, most }) => {
    const admitted = replies.map(([sentMs, repliedMs]) => ({ sentMs: sentMs!, repliedMs: repliedMs! }))

    expect(mostForCertain(admitted, 100)).toBe(most)
  },
)
