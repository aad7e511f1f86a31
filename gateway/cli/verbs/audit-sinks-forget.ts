import { z } from 'zod'
import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { exitCodes } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

/** `gatehouse audit sinks forget`: lets the audit log delete records that only a removed sink still needs. */
export const verb = defineVerb({
  description:
    'Forget a sink that was removed from the settings, so that the audit log no longer keeps records for the sink',
  arguments: { sink: z.string().register(flag, { help: 'name of the audit sink to forget' }) },
  flags: { admin: adminFlag },
  examples: [
    { run: 'gatehouse audit sinks forget search', does: 'once no worker ships to it any more' },
    { run: 'gatehouse audit sinks forget search --output json', does: 'as JSON' },
  ],
  exitCodes: {
    [exitCodes.invalid]: 'refused: the sink is in the settings, or unknown',
    ...adminUnreachable,
  },
  run: async ({ sink, admin }, output) => {
    const { document } = await AdminClient.from(admin).call('POST', '/api/v1/audit/sinks/forget', 'sink', { sink })
    output.line('The log no longer keeps records for this sink.')
    output.document(document)
  },
})
