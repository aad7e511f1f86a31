import { z } from 'zod'
import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { timeOf } from '../audit-time.ts'
import { CliError, exitCodes } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

/** `gatehouse audit replay`: sends audit records to a sink again. */
export const verb = defineVerb({
  description: 'Let the workers send audit records to a sink again',
  flags: {
    sink: z.string().register(flag, {
      value: 'name',
      help: 'name of the sink to which audit records are sent again: its dead letters, or records of a time range',
    }),
    dead: z
      .boolean()
      .default(false)
      .register(flag, { help: 'send again the records that the sink rejected (dead letters)' }),
    since: z.string().optional().register(flag, {
      value: 'time',
      help: 'send again the records that entered the audit log since this time: RFC 3339, or a duration before now, such as 15m',
    }),
    until: z.string().optional().register(flag, {
      value: 'time',
      help: 'with --since: send only records that entered the audit log until this time (default: now)',
    }),
    admin: adminFlag,
  },
  examples: [
    { run: 'gatehouse audit replay --sink search --dead', does: 'once the receiver accepts the refused records' },
    { run: 'gatehouse audit replay --sink search --since 15m', does: 'records that the receiver lost' },
  ],
  exitCodes: {
    [exitCodes.invalid]: 'refused: unknown sink, invalid token or missing scope',
    ...adminUnreachable,
  },
  run: async ({ sink, dead, since, until, admin }, output) => {
    if (dead === (since !== undefined) || (dead && until !== undefined)) {
      const message = 'give either --dead, or --since with an optional --until'
      throw new CliError(exitCodes.usage, 'GH_USAGE', message, 'gatehouse audit replay --help lists the flags')
    }
    const body = dead
      ? { what: 'dead', sink }
      : { what: 'log', sink, since: timeOf(since, '--since'), until: timeOf(until ?? '0s', '--until') }
    const { document } = await AdminClient.from(admin).call('POST', '/api/v1/audit/replays', 'letters', body)
    const { letters } = document as { letters: number | null }
    output.line(
      letters === null ? 'The workers send the records again.' : `The workers send ${letters} dead letters again.`,
    )
    output.document(document)
  },
})
