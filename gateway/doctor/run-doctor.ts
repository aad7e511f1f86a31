import { performance } from 'node:perf_hooks'
import { currentRedis } from '../config/current-redis.ts'
import { Secrets } from '../config/secrets.ts'
import { errorReason } from '../issuers/error-reason.ts'
import { IssuerClient } from '../issuers/issuer-client.ts'
import { connectRedis, type RedisConnection } from './connect-redis.ts'
import type { DoctorCheck, DoctorTask, Examined } from './doctor-check.ts'
import { doctorChecks } from './doctor-checks.ts'
import { type Finding, failedCheck, type Outcome, unknown } from './finding.ts'

/** Longest time of one check of `gatehouse doctor`, ms. */
const TASK_MS = 5000
/** Time after the start of `gatehouse doctor` at which no further check starts, ms. */
const RUN_MS = 20_000
/** Maximum number of checks of `gatehouse doctor` that run at the same time. */
const AT_ONCE = 24
/** Maximum number of checks in one run of `gatehouse doctor`. Further checks are reported as unknown. */
const TASKS_MAX = 500

/** The node that `gatehouse doctor` checks. */
export type DoctorSubject = Pick<Examined, 'loaded' | 'snapshot' | 'policyOutcome' | 'checkFiles'>

interface PlannedTask {
  readonly check: DoctorCheck
  readonly task: DoctorTask
}

/**
 * Runs all checks of `gatehouse doctor`, several at a time, each for at most 5 s. Opens its own connections, so that it
 * finds what a new connection finds, and closes them at the end.
 */
export async function runDoctor(
  subject: DoctorSubject,
  checks: readonly DoctorCheck[] = doctorChecks,
): Promise<Finding[]> {
  const { settings, secrets: ofSettings, sources } = subject.loaded
  const secrets = new Secrets({ env: sources.env, log: () => {} })
  // Continue with the value in force when a secret cannot be read: this is a finding of the check of files.
  const isReadable = attempted(() => secrets.followSettings(ofSettings))
  const redis =
    settings.redis && isReadable
      ? currentRedis(settings.redis, () => settings.redis, secrets).current()
      : settings.redis
  let connection: RedisConnection | undefined
  const issuers = new IssuerClient()
  const open = (): RedisConnection => {
    connection ??= connectRedis(redis!)
    return connection
  }
  try {
    const examined: Examined = { ...subject, secrets, issuers, redis, connectRedis: () => open().client }
    return await runTasks(checks.flatMap((check) => check.tasks(examined).map((task) => ({ check, task }))))
  } finally {
    await Promise.all([issuers.close(), connection?.close()])
  }
}

function attempted(work: () => void): boolean {
  try {
    work()
    return true
  } catch {
    return false
  }
}

async function runTasks(planned: readonly PlannedTask[]): Promise<Finding[]> {
  const findings: Finding[] = []
  const untilMs = performance.now() + RUN_MS
  let next = 0
  const lane = async (): Promise<void> => {
    for (let i = next++; i < planned.length; i = next++) {
      const { check, task } = planned[i]!
      const isLate = i >= TASKS_MAX || performance.now() > untilMs
      const outcome = isLate
        ? unknown('not checked: too many checks for one run', 'run `gatehouse doctor` again, or check it by hand')
        : await outcomeOf(planned[i]!)
      findings[i] = { check: check.name, subject: task.subject, ...outcome }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  return findings
}

/** Runs one check of `gatehouse doctor`. A check that ignores its signal is abandoned after its time. */
async function outcomeOf({ check, task }: PlannedTask): Promise<Outcome> {
  const onError = task.onError === 'unknown' ? unknown : failedCheck
  const timeout = new AbortController()
  const { promise: late, resolve } = Promise.withResolvers<Outcome>()
  const timer = setTimeout(() => {
    timeout.abort()
    resolve(onError(`no result within ${TASK_MS / 1000} s`, check.remedy))
  }, TASK_MS)
  try {
    return await Promise.race([Promise.resolve().then(() => task.run(timeout.signal)), late])
  } catch (error) {
    return onError(errorReason(error), check.remedy)
  } finally {
    clearTimeout(timer)
  }
}
