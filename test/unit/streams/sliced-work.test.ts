import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Supervisor } from '../../../gateway/base/supervisor.ts'
import { SlicedWork } from '../../../gateway/streams/sliced-work.ts'

// Work on all streams of a node runs in slices, so that requests do not wait for thousands of streams.

/** Its clock does not advance, so that only the number of items bounds a turn. */
const slicedWork = (now = () => 0): SlicedWork => new SlicedWork(new Supervisor('stream-watch'), now)

const numbers = (length: number): number[] => Array.from({ length }, (_, i) => i)

test('SlicedWork with a total cost of at most 1,024 is complete when `run` returns', () => {
  const work = slicedWork()
  const seen: number[] = []
  const push = (n: number): number => {
    seen.push(n)
    return 1
  }
  expect(work.run('routine', numbers(500), push)).toBeUndefined()
  expect(work.run('urgent', [], push)).toBeUndefined()
  expect(seen).toEqual(numbers(500))
})

test.each([
  { cost: 1, most: 1024 },
  { cost: 32, most: 32 },
])(
  'SlicedWork handles at most $most items with a cost of $cost each in one turn of the event loop, in their order',
  async ({ cost, most }) => {
    const work = slicedWork()
    const items = numbers(most * 5)
    const seen: number[] = []
    const bursts: number[] = []
    let over = false
    const counting = (async () => {
      for (let before = 0; !over; before = seen.length) {
        await nextTurn()
        bursts.push(seen.length - before)
      }
    })()
    // Two tasks share the slices.
    const works = [items.slice(0, most), items.slice(most)].map((part) =>
      work.run('urgent', part, (n) => {
        seen.push(n)
        return cost
      }),
    )
    await Promise.all(works)
    over = true
    await counting
    expect(seen).toEqual(items)
    expect(Math.max(...bursts)).toBeLessThanOrEqual(2 * most)
  },
)

test('urgent SlicedWork is complete before routine work that began earlier', async () => {
  const work = slicedWork()
  const ended: string[] = []
  const routine = work.run('routine', numbers(20_000), () => 1)
  const urgent = work.run('urgent', numbers(2000), () => 1)
  await Promise.all([routine!.then(() => ended.push('routine')), urgent!.then(() => ended.push('urgent'))])
  expect(ended).toEqual(['urgent', 'routine'])
})

test('an exception in one run of SlicedWork ends only this run', async () => {
  const work = slicedWork()
  const before = work.run('urgent', numbers(2000), () => 1)
  const failing = work.run('urgent', numbers(10), () => {
    throw new Error('deliberate')
  })
  const after = work.run('urgent', numbers(2000), () => 1)
  await expect(failing).rejects.toThrow('deliberate')
  await Promise.all([before, after])
})

test('SlicedWork uses at most 5 ms of one turn of the event loop', async () => {
  let nowMs = 0
  const work = slicedWork(() => nowMs)
  let seen = 0
  const working = work.run('urgent', numbers(100), () => {
    seen++
    nowMs += 2
    return 1
  })
  expect(seen).toBe(3)
  await nextTurn()
  expect(seen).toBeLessThanOrEqual(6)
  await working
  expect(seen).toBe(100)
})
