import { expect, test } from 'vitest'
import { reportTaskFailures, Supervisor, taskFailures } from '../../../gateway/base/supervisor.ts'
import { ManualTimers } from '../../kit/manual-timers.ts'

// The supervisor logs, counts and restarts a background task that fails; the failure is never an unhandled rejection.

reportTaskFailures(() => undefined)

const failing = async () => {
  throw new Error('broken')
}

test('the supervisor restarts a failing task with a pause of 100 ms that doubles up to 10 s, until the task succeeds', async () => {
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

test('the supervisor restarts a task that fails after it ran for 30 s with the shortest pause, 100 ms', async () => {
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

test('the supervisor continues a repeated task after a failure, whether the task throws or rejects its promise', async () => {
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

test('stopping the supervisor ends the pause before a restart, and the task does not run again', async () => {
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

test('the supervisor counts every failure by task, and reports at most one failure per second and task, with the count and the stack', async () => {
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
