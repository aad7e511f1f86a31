import { z } from 'zod'
import { AdminClient, adminFlag } from '../admin-client.ts'
import { CliError, exitCodes } from '../output.ts'
import {
  activatePolicy,
  changeExitCodes,
  changeFlags,
  comparePolicies,
  requireRevisionNumber,
  withPolicyErrors,
} from '../policy-change.ts'
import { defineVerb, flag } from '../verb.ts'
import { waitMsOf } from '../wait-flag.ts'

/** `gatehouse rollback [N]`: makes a new policy revision with the content of an earlier revision. */
export const verb = defineVerb({
  description: 'Activate the content of an earlier revision of the policy again, as a new revision',
  arguments: {
    number: z
      .string()
      .optional()
      .register(flag, { help: 'number of the earlier revision (default: the revision before the active one)' }),
  },
  flags: { ...changeFlags, admin: adminFlag },
  examples: [
    { run: 'gatehouse rollback --message "partners got 403"', does: 'undo the last change' },
    { run: 'gatehouse rollback 6', does: 'the content of revision 6' },
  ],
  exitCodes: changeExitCodes,
  run: async ({ number, message, wait, admin }, output) => {
    const wait_ms = waitMsOf(wait)
    if (number !== undefined) requireRevisionNumber(number)
    const client = AdminClient.from(admin)
    return withPolicyErrors(output, { refused: exitCodes.invalid }, async () => {
      const target = number === undefined ? await beforeActive(client) : { to: Number(number) }
      const difference = await comparePolicies(client, { to: target.to }, output)
      const body = { ...target, message, wait_ms }
      return activatePolicy(client, { path: '/api/v1/policy/rollback', body, difference }, output)
    })
  },
})

/** Returns the numbers of two policy revisions: `against`, the active revision, and `to`, the revision before it. */
async function beforeActive(client: AdminClient): Promise<{ readonly to: number; readonly against: number }> {
  const { document } = await client.call('GET', '/api/v1/policy/revisions', 'revisions')
  const { active, before } = document as { readonly active: number; readonly before: number | null }
  if (typeof before === 'number') return { to: before, against: active }
  const message = `the cluster keeps no revision before the active revision ${active}`
  const hint = 'apply the earlier policy again with `gatehouse apply PATH`'
  throw new CliError(exitCodes.invalid, 'GH_ADMIN_REVISION_UNKNOWN', message, hint)
}
