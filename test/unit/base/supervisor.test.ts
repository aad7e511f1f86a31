import { expect, test } from 'vitest'
import { reportTaskFailures, Supervisor, type TaskTimers, taskFailures } from '../../../gateway/base/supervisor.ts'

// A fault of a background task is logged, counted and followed by a restart; it is never an unhandled rejection.

reportTaskFailures(() => undefined)

/** Timers that a test moves. */
class ManualTimers implements TaskTimers {
  #nowMs = 0
  readonly #due = new Set<{ readonly atMs: number; readonly callback: () => void }>()

  now(): number {
    return this.#nowMs
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, callback }
    this.#due.add(timer)
    return () => this.#due.delete(timer)
  }

  get waiting(): number {
    return this.#due.size
  }

  /** Moves the clock, timer by timer, and lets what each calls back come to its end. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await settled()
    for (;;) {
      const [next] = [...this.#due].filter(({ atMs }) => atMs <= untilMs).toSorted((a, b) => a.atMs - b.atMs)
      if (next === undefined) break
      this.#due.delete(next)
      this.#nowMs = next.atMs
      next.callback()
      await settled()
    }
    this.#nowMs = untilMs
  }
}

/** After all that promises have to do now. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

const failing = async () => {
  throw new Error('broken')
}

test('work that fails is restarted with a pause that doubles up to 10 s, until it succeeds', async () => {
  const timers = new ManualTimers()
  const runsAt: number[] = []
  const done = new Supervisor('audit-outbox', timers).run(async () => {
    runsAt.push(timers.now())
    if (runsAt.length < 10) throw new Error('broken')
  })
  await timers.pass(60_000)
  await done
  const pauses = runsAt.slice(1).map((at, i) => at - runsAt[i]!)
  expect(pauses).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
})

test('work that fails after 30 s of running is restarted with the shortest pause', async () => {
  const timers = new ManualTimers()
  const runsAt: number[] = []
  const supervisor = new Supervisor('audit-outbox', timers)
  void supervisor.run(async () => {
    runsAt.push(timers.now())
    if (runsAt.length > 4) return
    if (runsAt.length === 4) await new Promise<void>((resolve) => timers.after(30_000, resolve))
    throw new Error('broken')
  })
  await timers.pass(31_000)
  expect(runsAt).toEqual([0, 100, 300, 700, 30_800])
})

test('repeated work goes on after a failure, whether it throws or rejects', async () => {
  const timers = new ManualTimers()
  const runsAt: number[] = []
  const end = new Supervisor('policy-watch', timers).repeat(50, () => {
    runsAt.push(timers.now())
    if (runsAt.length === 1) throw new Error('broken')
    if (runsAt.length === 2) return failing()
  })
  await timers.pass(500)
  end()
  await timers.pass(500)
  expect(runsAt).toEqual([50, 150, 350, 400, 450, 500])
  expect(timers.waiting).toBe(0)
})

test('stop ends the pause before a restart, and nothing runs again', async () => {
  const timers = new ManualTimers()
  let runs = 0
  const supervisor = new Supervisor('audit-outbox', timers)
  const done = supervisor.run(() => {
    runs++
    return failing()
  })
  await timers.pass(10)
  supervisor.stop()
  await done
  await timers.pass(60_000)
  expect([runs, timers.waiting]).toEqual([1, 0])
})

test('every failure is counted by task, and at most one a second is logged, with the count and the stack', async () => {
  const timers = new ManualTimers()
  const reports: [task: string, fault: string, failures: number][] = []
  reportTaskFailures((...given) => reports.push(given))
  const before = taskFailures().get('logout-tokens') ?? 0
  const supervisor = new Supervisor('logout-tokens', timers)
  expect(taskFailures().get('logout-tokens')).toBe(before)
  for (let i = 0; i < 3; i++) await supervisor.attempt(failing)
  await timers.pass(1000)
  await supervisor.attempt(() => {
    throw new Error('broken at once')
  })
  expect(taskFailures().get('logout-tokens')).toBe(before + 4)
  expect(reports).toEqual([
    ['logout-tokens', expect.stringMatching(/^Error: broken\n +at /), before + 1],
    ['logout-tokens', expect.stringMatching(/^Error: broken at once\n +at /), before + 4],
  ])
})
