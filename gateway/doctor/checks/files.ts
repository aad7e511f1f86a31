import { formatProblem } from '../../config/problem.ts'
import type { DoctorCheck, DoctorTask } from '../doctor-check.ts'
import { failedCheck, type Outcome, ok, unknown } from '../finding.ts'

const unreadPolicy = unknown(
  'the policy cannot be read, so its issuers, logins and upstreams are not checked',
  'correct the policy, or with policy.source: cluster the connection to Redis, and run `gatehouse doctor` again',
)

/** Checks that the settings and everything that they name are valid now, so that the next start succeeds. */
export const files: DoctorCheck = {
  name: 'files',
  remedy: 'run `gatehouse check --config FILE` on the machine of the node',
  tasks: ({ checkFiles, loaded, snapshot, policyOutcome }) => [
    ...policyTask(snapshot === undefined ? unreadPolicy : policyOutcome),
    {
      subject: loaded.sources.path ?? 'settings',
      async run() {
        const [first, ...more] = await checkFiles()
        if (first === undefined) return ok('settings, policy, secrets, keys and certificates are valid')
        const others = more.length === 0 ? '' : ` (and ${more.length} more)`
        const remedy = 'correct the files; `gatehouse check --config FILE` lists all problems'
        return failedCheck(`the next start would fail: ${formatProblem(first)}${others}`, remedy)
      },
    },
  ],
}

function policyTask(outcome: Outcome | undefined): DoctorTask[] {
  return outcome === undefined ? [] : [{ subject: 'policy', run: () => outcome }]
}
