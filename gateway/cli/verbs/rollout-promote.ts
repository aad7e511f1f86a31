import { AdminClient, adminFlag } from '../admin-client.ts'
import { exitCodes } from '../output.ts'
import { changeExitCodes, changeFlags } from '../policy-change.ts'
import { endRollout } from '../rollout-text.ts'
import { defineVerb } from '../verb.ts'
import { waitMsOf } from '../wait-flag.ts'

/** `gatehouse rollout promote`: ends the running rollout; the tried revision becomes active on every node. */
export const verb = defineVerb({
  description: 'Activate the revision of the running rollout on every node now',
  flags: { wait: changeFlags.wait, noWait: changeFlags.noWait, admin: adminFlag },
  examples: [
    { run: 'gatehouse rollout promote', does: 'without waiting for the end of the comparison' },
    { run: 'gatehouse rollout promote --output json', does: 'as JSON, with the acknowledgements of the nodes' },
  ],
  exitCodes: { ...changeExitCodes, [exitCodes.invalid]: 'refused: no rollout is running' },
  run: ({ wait, admin }, output) =>
    endRollout(AdminClient.from(admin), { how: 'promote', waitMs: waitMsOf(wait) }, output),
})
