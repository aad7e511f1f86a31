import { expect, test } from 'vitest'
import { StallDetector } from '../../../gateway/pipeline/in-flight/stall-detector.ts'

// The stall detector counts consecutive calls without enough bytes sent or received, and starts again at 1 after enough
// bytes.

/** Returns the results of `stalledCalls` for a series of byte totals. The detector is created with the first total. */
const looks = (enough: number, ...bytes: readonly number[]) => {
  const pace = new StallDetector(bytes[0]!)
  return bytes.slice(1).map((moved) => pace.stalledCalls(moved, enough))
}

test.each([
  { what: 'nothing moves', bytes: [0, 0, 0, 0], counts: [1, 2, 3] },
  { what: 'enough moves each time', bytes: [0, 10, 20, 30], counts: [1, 1, 1] },
  { what: 'much more than enough moves once', bytes: [0, 1000, 1000, 1000], counts: [1, 2, 3] },
  { what: 'a little moves each time, and it adds up', bytes: [0, 4, 8, 12, 16, 20, 24], counts: [1, 2, 1, 2, 3, 1] },
  { what: 'too little moves each time', bytes: [0, 1, 2, 3, 4], counts: [1, 2, 3, 4] },
  { what: 'bytes had moved before the first call', bytes: [500, 505, 509, 510], counts: [1, 2, 1] },
])('the stall detector reports calls to a service without enough progress: $what', ({ bytes, counts }) => {
  expect(looks(10, ...bytes)).toEqual(counts)
})
