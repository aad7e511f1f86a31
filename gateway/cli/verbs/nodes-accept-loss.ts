import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { exitCodes } from '../output.ts'
import { defineVerb } from '../verb.ts'

/** `gatehouse nodes accept-loss`: lets the cluster start again without the data that Redis lost. */
export const verb = defineVerb({
  description: 'Let the cluster continue after Redis lost its data: earlier revocations stay lost',
  flags: { admin: adminFlag },
  examples: [
    { run: 'gatehouse nodes accept-loss', does: 'when Redis came back empty and no node is ready' },
    { run: 'gatehouse nodes accept-loss --output json', does: 'as JSON' },
  ],
  exitCodes: {
    [exitCodes.invalid]: 'refused: the node has lost nothing, or the token lacks the scope',
    ...adminUnreachable,
  },
  run: async ({ admin }, output) => {
    const { document } = await AdminClient.from(admin).call('POST', '/api/v1/nodes/accept-loss', 'accepted')
    output.line('The nodes start a new cluster. Tokens that were revoked before are admitted again until they expire.')
    output.document(document)
  },
})
