import { AdminClient, adminFlag } from '../admin-client.ts'
import { exitCodes } from '../output.ts'
import { changeExitCodes, changeFlags } from '../policy-change.ts'
import { endRollout } from '../rollout-text.ts'
import { defineVerb } from '../verb.ts'
import { waitMsOf } from '../wait-flag.ts'

/** `gatehouse rollout abort`: ends the running rollout; the previous revision stays active. */
export const verb = defineVerb({
  description: 'End the running rollout, and return to the active revision on every node',
  flags: { wait: changeFlags.wait, noWait: changeFlags.noWait, admin: adminFlag },
  examples: [
    { run: 'gatehouse rollout abort', does: 'the tried revision stays in the list of revisions' },
    { run: 'gatehouse rollout abort --output json', does: 'as JSON, with the acknowledgements of the nodes' },
  ],
  exitCodes: { ...changeExitCodes, [exitCodes.invalid]: 'refused: no rollout is running' },
  run: ({ wait, admin }, output) =>
    endRollout(AdminClient.from(admin), { how: 'abort', waitMs: waitMsOf(wait) }, output),
})
