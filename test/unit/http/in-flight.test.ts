import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { InFlight } from '../../../gateway/http/in-flight.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as (options: { type: 'minor' }) => void

class Watched {
  readonly exchange = { deadlineAt: 0, settled: true } as never
  readonly weight = new Array<string>(125).fill('eight bytes each')
  readonly name: string
  place = -1

  constructor(name: string) {
    this.name = name
  }

  nudge(): void {}
  look(): undefined {}
  abort(): void {}
}

let inFlight: InFlight
beforeEach(() => {
  inFlight = new InFlight(30)
})
afterEach(() => inFlight.close())

test('whoever leaves, in whatever order and however often, leaves the others where they can be found', () => {
  const all = Array.from({ length: 7 }, (_, i) => new Watched(String(i)))
  for (const one of all) inFlight.add(one)
  const order = [6, 0, 3, 3, 0, 5, 1]
  const sizes = order.map((i) => {
    inFlight.delete(all[i]!)
    return inFlight.size
  })

  expect(sizes).toEqual([6, 5, 4, 4, 4, 3, 2])
  for (const i of [2, 4]) inFlight.delete(all[i]!)
  expect(inFlight.size).toBe(0)
})

test('one that never was in flight can leave', () => {
  inFlight.add(new Watched('stays'))
  inFlight.delete(new Watched('never was'))

  expect(inFlight.size).toBe(1)
})

/** Bytes that outlived two minor collections. */
function grownOld(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')!.space_used_size
}

test('what has left is let go of by the next minor collection: nothing of it waits for a major one', () => {
  const open: Watched[] = []
  // Whatever holds them has itself been there for a while.
  inFlight.add(new Watched('first'))
  for (let i = 0; i < 3; i++) collect({ type: 'minor' })
  const before = grownOld()
  for (let i = 0; i < 20_000; i++) {
    const one = new Watched(String(i))
    inFlight.add(one)
    open.push(one)
    if (open.length > 64) inFlight.delete(open.shift()!)
    if (i % 1000 === 999) collect({ type: 'minor' })
  }

  // 20 MB in all. Those that are in flight during a collection or two grow old: 20 times 64 of a kilobyte.
  expect(grownOld() - before).toBeLessThan(4_000_000)
})
