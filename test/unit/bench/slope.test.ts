import { expect, test } from 'vitest'
import { slopeOf } from '../../../bench/soak/slope.ts'
import { slopeVerdict } from '../../../bench/soak/soak-report.ts'

// The benchmark `soak` states slopes with confidence intervals that hold for samples that depend on each other.

const HOUR_S = 3600

/** Random numbers from 0 to 1 that are the same in each run (Park and Miller 1988). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

/** Samples of an hour, one per 10 s, whose noise keeps a part of its last value (AR(1)). */
function samplesOf(perHour: number, kept: number, random: () => number) {
  let noise = 0
  return Array.from({ length: 360 }, (_, i) => {
    noise = kept * noise + random() - 0.5
    return { atS: i * 10, value: 100 + (perHour * i * 10) / HOUR_S + noise }
  })
}

test('for samples on a line, the soak benchmark calculates the exact slope, and a confidence interval without width', () => {
  const points = Array.from({ length: 60 }, (_, i) => ({ atS: i * 60, value: 5 + (12 * i) / 60 }))
  const slope = slopeOf(points)!

  expect(slope.perHour).toBeCloseTo(12)
  expect(slope.low).toBeCloseTo(12)
  expect(slope.high).toBeCloseTo(12)
  expect(slope.first).toBeCloseTo(5.9)
  expect(slope.last).toBeCloseTo(15.9)
})

test.each([
  { perHour: 0, kept: 0 },
  { perHour: 0, kept: 0.9 },
  { perHour: 20, kept: 0.9 },
])(
  'the confidence interval of the soak benchmark contains the true slope of $perHour per hour in 95 % of series whose noise keeps $kept of its last value',
  ({ perHour, kept }) => {
    const random = seeded(7)
    const runs = 1000
    let contained = 0
    for (let run = 0; run < runs; run++) {
      const { low, high } = slopeOf(samplesOf(perHour, kept, random))!
      if (low <= perHour && perHour <= high) contained++
    }

    expect(contained / runs).toBeGreaterThan(0.92)
    expect(contained / runs).toBeLessThan(0.98)
  },
)

test('the soak benchmark calculates no slope from fewer than six samples', () => {
  const points = Array.from({ length: 5 }, (_, i) => ({ atS: i, value: i }))

  expect(slopeOf(points)).toBeUndefined()
  expect(slopeOf([...points, { atS: 5, value: 5 }])).toBeDefined()
})

test.each([
  { low: 9, high: 12, verdict: 'GROWS' },
  { low: 7, high: 12, verdict: 'not shown' },
  { low: -3, high: 8, verdict: 'does not grow' },
])(
  'the verdict of the soak benchmark is $verdict for a slope between $low and $high per hour, of which 8 per hour is allowed',
  ({ low, high, verdict }) => {
    expect(slopeVerdict({ low, high }, 8)).toBe(verdict)
  },
)
