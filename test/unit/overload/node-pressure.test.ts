import { setImmediate as nextTurn, setTimeout } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { NodePressure } from '../../../gateway/overload/node-pressure.ts'

// The values that the overload protection measures of its process.

const pressure = new NodePressure()
afterAll(() => pressure.close())

/** Blocks the event loop. */
function block(ms: number): void {
  const endsAt = performance.now() + ms
  while (performance.now() < endsAt);
}

test('the measured delay of an event loop that is blocked for 60 ms in each turn is at least 40 ms', async () => {
  pressure.read(0)
  for (let turn = 0; turn < 6; turn++) {
    block(60)
    await nextTurn()
  }

  expect(pressure.read(0).delayMs).toBeGreaterThan(40)
})

test('if the event loop was blocked for a whole interval, its delay is the time by which the measurement is late', async () => {
  await nextTurn()
  pressure.read(0)

  expect(pressure.read(321).delayMs).toBe(321)
})

test('an event loop that waits for events half of the time is measured as busy for about half of the time', async () => {
  await nextTurn()
  pressure.read(0)
  const startMs = performance.now()
  for (let turn = 0; turn < 5; turn++) {
    block(20)
    await setTimeout(20)
  }
  const tookMs = performance.now() - startMs

  // The wait is longer than 100 ms on a busy machine; the blocked time is at least 100 ms.
  const { busy } = pressure.read(0)
  expect(busy).toBeGreaterThan(0.9 * (100 / tookMs))
  expect(busy).toBeLessThan(1 - 0.5 * (100 / tookMs))
})

test('the used memory of a process is a fraction of its memory limit', () => {
  const { memory } = pressure.read(0)

  expect(memory).toBeGreaterThan(0)
  expect(memory).toBeLessThan(1)
})
