import { z } from 'zod'
import { AdminClient, adminFlag } from '../admin-client.ts'
import { exitCodes } from '../output.ts'
import {
  activatePolicy,
  changeExitCodes,
  changeFlags,
  comparePolicies,
  revisionFlag,
  withPolicyErrors,
} from '../policy-change.ts'
import { readPolicyTexts } from '../policy-texts.ts'
import { canaryOf, rolloutFlags, startRollout } from '../start-rollout.ts'
import { defineVerb, flag } from '../verb.ts'
import { waitMsOf } from '../wait-flag.ts'

/** `gatehouse apply PATH`: makes a policy the active policy of the cluster. */
export const verb = defineVerb({
  description: 'Make a policy the active policy of the cluster, and show what changes',
  arguments: {
    path: z.string().register(flag, { help: 'the policy: a file, a folder, or - for standard input' }),
  },
  flags: {
    only: z.string().optional().register(flag, {
      value: 'service',
      help: 'change only this service; its file must define nothing else',
    }),
    against: revisionFlag.optional().register(flag, {
      value: 'number',
      help: 'number of the revision that must be active, else nothing changes (default: the revision that the command compared with)',
    }),
    ...changeFlags,
    ...rolloutFlags,
    admin: adminFlag,
  },
  examples: [
    {
      run: 'gatehouse apply policy.yaml --message "open orders to partners"',
      does: 'show the difference, and activate',
    },
    { run: 'gatehouse apply policy/ --canary 25% --for 10m', does: 'on a quarter of the nodes first' },
  ],
  exitCodes: {
    ...changeExitCodes,
    [exitCodes.invalid]: 'refused: nothing was changed. With --canary also: withdrawn, undecided or aborted',
  },
  run: async ({ path, only, against, message, wait, admin, ...rollout }, output) => {
    const wait_ms = waitMsOf(wait)
    const canary = canaryOf(rollout)
    const client = AdminClient.from(admin)
    const { files, paths } = await readPolicyTexts(path)
    const from = against === undefined ? undefined : Number(against)
    return withPolicyErrors(output, { paths, refused: exitCodes.invalid }, async () => {
      const difference = await comparePolicies(client, { files, only, from }, output)
      const body = { files, only, message, wait_ms, against: difference.from, canary }
      if (canary !== undefined) return startRollout(client, { body, difference }, output)
      return activatePolicy(client, { path: '/api/v1/policy/apply', body, difference }, output)
    })
  },
})
