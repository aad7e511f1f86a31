import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { exitCodes } from '../output.ts'
import { outcomeText, printRoutes, progressText, readRollout } from '../rollout-text.ts'
import { defineVerb } from '../verb.ts'

/** `gatehouse rollout status`: shows the running rollout, or how the last rollout ended. */
export const verb = defineVerb({
  description: 'Show the running rollout of a revision with its requests by route, or how the last one ended',
  flags: { admin: adminFlag },
  examples: [
    { run: 'gatehouse rollout status', does: 'nodes, time left, and requests by route' },
    { run: 'gatehouse rollout status --output json', does: 'as JSON' },
  ],
  exitCodes: {
    [exitCodes.invalid]: 'refused: invalid token, missing scope, or policy.source is file',
    ...adminUnreachable,
  },
  run: async ({ admin }, output) => {
    const rollout = await readRollout(AdminClient.from(admin))
    const { running, last } = rollout
    output.document(rollout)
    if (running === null) {
      output.line('No rollout is running.')
      if (last !== null) output.line(`The last one ended at ${last.ended}. ${outcomeText(last)}`)
      return exitCodes.done
    }
    const { number, base, author, message, started, nodes } = running
    output.line(
      `${author} began the rollout of revision ${number} at ${started}${message === '' ? '' : `: ${message}`}`,
    )
    output.line(`Revision ${base} stays active on the other nodes.`)
    for (const { node, state, problem } of nodes) {
      output.line(`node ${node} ${states[state] ?? state}${problem === null ? '' : `: ${problem}`}`)
    }
    output.line(progressText(running))
    output.line('')
    printRoutes(running, output)
    return exitCodes.done
  },
})

const states: Readonly<Record<string, string>> = {
  starting: 'has not reported yet',
  enforces: 'enforces the revision',
  unable: 'cannot enforce the revision',
  gone: 'has stopped or was restarted',
}
