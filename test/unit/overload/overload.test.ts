import { expect, test } from 'vitest'
import { priorityIndex } from '../../../gateway/base/priority.ts'
import { KNOWN_ADDRESS, STRANGER, USER } from '../../../gateway/overload/caller-class.ts'
import type { PressureReading } from '../../../gateway/overload/node-pressure.ts'
import { Overload } from '../../../gateway/overload/overload.ts'
import type { OverloadLimits } from '../../../gateway/overload/overload-limits.ts'
import { ManualTimers } from '../../kit/manual-timers.ts'

// docs/guide/overload.md, with a moved clock and stated measurements.

const ordinary = priorityIndex('default')
const critical = priorityIndex('critical')
const batch = priorityIndex('batch')
const calm: PressureReading = { delayMs: 1, busy: 1, memory: 0.2 }

function overloadOf(given: Partial<OverloadLimits> = {}) {
  const timers = new ManualTimers()
  const lines: Record<string, unknown>[] = []
  const measured = { current: calm, isOpen: true }
  const limits: OverloadLimits = {
    mode: 'shed',
    delayMs: 100,
    inFlight: 100,
    memory: 0.9,
    refusalDelayMs: 1000,
    ...given,
  }
  const overload = new Overload({
    limits,
    pressure: {
      read: () => measured.current,
      close: () => {
        measured.isOpen = false
      },
    },
    log: (level, msg, fields) => lines.push({ level, msg, ...fields }),
    timers,
  })
  return { overload, timers, lines, measured, limits }
}

const addressOf = (n: number) => Uint8Array.of(10, 0, n >> 8, n & 255)
const entered = () => ({ inFlight: false })

/** Admits exchanges until `count` are in flight. */
function fill(overload: Overload, count: number): { inFlight: boolean }[] {
  const exchanges = Array.from({ length: count }, entered)
  for (const x of exchanges) overload.enter(x)
  return exchanges
}

test.each([
  { inFlight: 69, refused: [] },
  { inFlight: 70, refused: ['stranger batch'] },
  { inFlight: 79, refused: ['stranger batch', 'stranger default', 'stranger critical'] },
  { inFlight: 95, refused: ['stranger', 'address', 'user batch', 'user default'] },
  { inFlight: 100, refused: ['stranger', 'address', 'user'] },
])(
  'with $inFlight exchanges in flight and a limit of 100, the node refuses these classes of requests: $refused',
  ({ inFlight, refused }) => {
    const { overload } = overloadOf()
    fill(overload, inFlight)

    for (const [kind, caller] of ['stranger', 'address', 'user'].entries()) {
      for (const [priority, name] of ['batch', 'default', 'critical'].entries()) {
        const isListed = refused.includes(caller) || refused.includes(`${caller} ${name}`)
        const denied = overload.isWary ? overload.refuse(kind, priority, addressOf(1)) : undefined
        expect([caller, name, denied?.reason]).toEqual([caller, name, isListed ? 'overloaded' : undefined])
      }
    }
  },
)

test('an exchange that has ended leaves the number of exchanges in flight once, however often its end is reported', () => {
  const { overload } = overloadOf()
  const exchanges = fill(overload, 100)
  expect(overload.isWary).toBe(true)

  for (const x of [...exchanges, ...exchanges]) overload.leave(x)

  expect(overload.status.inFlight).toBe(0)
  expect(overload.isWary).toBe(false)
})

test('a refusal of an overloaded node is 503 with a Retry-After of 1 to 5 s that differs from one refusal to the next', () => {
  const { overload } = overloadOf({ inFlight: 1 })
  fill(overload, 1)

  const denials = Array.from({ length: 5 }, () => overload.refuse(STRANGER, ordinary, addressOf(1))!)

  expect(denials.map(({ status, code, close }) => [status, code, close])).toEqual(
    Array.from({ length: 5 }, () => [503, 'overloaded', false]),
  )
  expect(new Set(denials.map(({ fields }) => fields.join()))).toEqual(
    new Set([1, 2, 3, 4, 5].map((seconds) => `retry-after,${seconds}`)),
  )
})

test.each(['delayMs', 'memory'] as const)(
  'a high %s makes a node shed the lowest class of requests, and shedding ends within 2 s after it',
  async (key) => {
    const { overload, timers, measured } = overloadOf()
    const high = key === 'delayMs' ? { ...calm, delayMs: 150 } : { ...calm, memory: 0.99 }
    const second = async () => {
      const refused = { batch: 0, critical: 0 }
      for (let n = 0; n < 10; n++) {
        for (let i = 0; i < 50; i++) {
          if (overload.isWary) {
            if (overload.refuse(USER, batch, addressOf(i)) !== undefined) refused.batch++
            if (i < 20 && overload.refuse(USER, critical, addressOf(i)) !== undefined) refused.critical++
          }
          await timers.pass(2)
        }
      }
      return refused
    }

    measured.current = high
    await second()
    const during = await second()
    measured.current = calm
    await second()
    await second()
    const after = await second()

    expect(during.batch).toBeGreaterThan(100)
    expect([during.critical, after]).toEqual([0, { batch: 0, critical: 0 }])
    expect(overload.isWary).toBe(false)
  },
)

/** Overloads a node by the delay of its event loop until it sheds; counts how many of `count` refusals it delays. */
async function delayedOf(count: number, { overload, timers, measured }: ReturnType<typeof overloadOf>) {
  measured.current = { ...measured.current, delayMs: 150 }
  for (let n = 0; n < 10; n++) {
    for (let i = 0; i < 100; i++) overload.refuse(STRANGER, batch, addressOf(1))
    await timers.pass(100)
  }
  expect(overload.status.level).toBeGreaterThan(0)
  const sent: number[] = []
  const delayed = Array.from({ length: count }, (_, n) => overload.delayRefusal(() => sent.push(n)))
  return { sent, prompt: delayed.filter((isDelayed) => !isDelayed).length }
}

test('of many refusals in 100 ms, all but the first 50 are sent after 0.5 to 1.5 of the refusal delay', async () => {
  const parts = overloadOf({ inFlight: 1000 })
  const { sent, prompt } = await delayedOf(80, parts)
  expect(prompt).toBe(50)

  await parts.timers.pass(490)
  expect(sent).toEqual([])
  await parts.timers.pass(500)
  expect(sent.length).toBeGreaterThan(10)
  expect(sent.length).toBeLessThan(20)
  await parts.timers.pass(520)
  expect(sent.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, n) => 50 + n))
})

test('refusals above a quarter of the exchanges in flight are not delayed', async () => {
  const { prompt } = await delayedOf(400, overloadOf({ inFlight: 1000 }))

  expect(prompt).toBe(150)
})

test('with a refusal delay of 0, no refusal is delayed', async () => {
  const { prompt } = await delayedOf(80, overloadOf({ refusalDelayMs: 0 }))

  expect(prompt).toBe(80)
})

test('refusals because of the memory are not delayed, because a delayed refusal occupies memory', async () => {
  const parts = overloadOf()
  parts.measured.current = { ...calm, memory: 100 }

  expect((await delayedOf(80, parts)).prompt).toBe(80)
})

test('a closed overload protection sends the delayed refusals', async () => {
  const parts = overloadOf({ inFlight: 1000 })
  const { sent } = await delayedOf(60, parts)
  parts.overload.close()

  expect(sent).toHaveLength(10)
})

test('a long delay of an event loop that mostly waits for events sheds nothing', async () => {
  const { overload, timers, measured } = overloadOf()
  measured.current = { ...calm, delayMs: 900, busy: 0.7 }
  await timers.pass(2000)

  expect(overload.isWary).toBe(false)
})

test('a single long pause of the event loop makes the node shed nothing', async () => {
  const { overload, timers, measured } = overloadOf()
  measured.current = { ...calm, delayMs: 900 }
  await timers.pass(100)
  measured.current = calm
  await timers.pass(100)

  expect(overload.isWary).toBe(false)
  expect(overload.status.level).toBe(0)
})

test('an address above its share of the callers known by address counts as a stranger until the next second', async () => {
  const { overload, timers } = overloadOf()
  fill(overload, 75)
  const admits = (n: number) => overload.refuse(KNOWN_ADDRESS, ordinary, addressOf(n)) === undefined

  const admitted = Array.from({ length: 100 }, () => admits(1)).filter(Boolean).length
  expect(admitted).toBe(16)
  expect(admits(2)).toBe(true)

  await timers.pass(1000)
  expect(admits(1)).toBe(true)
})

test('requests above the share of an address do not raise the share of the next second', async () => {
  const { overload, timers } = overloadOf()
  fill(overload, 75)
  const admitted = () => {
    let count = 0
    for (let n = 0; n < 8000; n++) if (overload.refuse(KNOWN_ADDRESS, ordinary, addressOf(1)) === undefined) count++
    return count
  }

  expect(admitted()).toBe(16)
  await timers.pass(1000)
  expect(admitted()).toBe(16)
})

test('the addresses of one IPv6 /64 have one share', () => {
  const { overload } = overloadOf()
  fill(overload, 75)
  const inNetwork = (n: number) => Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, n)

  const denied = Array.from({ length: 30 }, (_, n) => overload.refuse(KNOWN_ADDRESS, ordinary, inNetwork(n)))

  expect(denied.filter((each) => each !== undefined)).toHaveLength(14)
})

test('with mode observe, no request is refused, and the requests that would be are counted', () => {
  const { overload } = overloadOf({ mode: 'observe', inFlight: 1 })
  fill(overload, 5)

  expect(overload.refuse(USER, critical, addressOf(1))).toBeUndefined()
  expect(overload.status).toMatchObject({ mode: 'observe', shed: 1, inFlight: 5 })
})

test('a changed mode and a changed limit of the overload protection take effect at once', async () => {
  const { overload, limits, timers, measured } = overloadOf({ inFlight: 1 })
  fill(overload, 1)
  expect(overload.refuse(USER, critical, addressOf(1))).toBeDefined()

  overload.replace({ ...limits, inFlight: 100 })
  expect(overload.isWary).toBe(false)

  overload.replace({ ...limits, mode: 'off' })
  measured.current = { delayMs: 1000, busy: 1, memory: 1 }
  await timers.pass(1000)
  expect(overload.isWary).toBe(false)
})

test('the log has one line when shedding begins and one when no request was shed for 5 s', async () => {
  const { overload, timers, lines } = overloadOf({ inFlight: 1 })
  const [x] = fill(overload, 1)
  for (let n = 0; n < 20; n++) {
    overload.refuse(STRANGER, batch, addressOf(1))
    await timers.pass(1000)
  }
  overload.leave(x!)
  expect(lines).toMatchObject([{ level: 'warn', msg: 'overload: the node sheds requests', in_flight: 1 }])

  await timers.pass(5000)
  expect(lines.slice(1)).toMatchObject([
    { level: 'info', msg: 'overload ended: the node admits all requests', shed: 20 },
  ])
})

test('a closed overload protection measures no more', async () => {
  const { overload, timers, measured } = overloadOf()
  await timers.pass(100)
  overload.close()
  await timers.pass(1000)

  expect([timers.waiting, measured.isOpen]).toEqual([0, false])
})
