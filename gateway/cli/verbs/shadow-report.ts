import { z } from 'zod'
import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { recordCount } from '../audit-record.ts'
import { timeOf } from '../audit-time.ts'
import { findRecords } from '../find-records.ts'
import { exitCodes } from '../output.ts'
import { summarizeShadows } from '../shadow-summary.ts'
import { defineVerb, flag } from '../verb.ts'

/** `gatehouse shadow report`: reports the requests that shadow requirements would have refused, by the audit log. */
export const verb = defineVerb({
  description: 'Report which admitted requests a shadow requirement would have refused, from the audit log in Redis',
  flags: {
    route: z.string().optional().register(flag, { value: 'id', help: 'only audit records of this route' }),
    since: z.string().default('24h').register(flag, {
      value: 'time',
      help: 'only audit records since this time: RFC 3339, or a duration before now, such as 15m',
    }),
    records: recordCount
      .default(100_000)
      .register(flag, { value: 'n', help: 'largest number of audit records to read, newest first' }),
    admin: adminFlag,
  },
  examples: [
    { run: 'gatehouse shadow report', does: 'of the last 24 hours, by route, reason and client' },
    { run: 'gatehouse shadow report --route orders.read --output json', does: 'of one route, as JSON' },
  ],
  exitCodes: {
    [exitCodes.invalid]: 'refused: invalid token, missing scope, or a node without a cluster',
    ...adminUnreachable,
  },
  run: async ({ route, since: from, records: limit, admin }, output) => {
    const since = timeOf(from, '--since')
    const { records } = await findRecords(AdminClient.from(admin), { route, kind: 'exchange' }, limit, { since })
    const complete = records.length < limit
    const { routes, refusals } = summarizeShadows(records)
    output.table(
      ['route', 'evaluated', 'met', 'would refuse', 'refused anyway'],
      routes.map(({ route, evaluated, met, newly_refused, refused_anyway }) =>
        [route, evaluated, met, newly_refused, refused_anyway].map(String),
      ),
    )
    if (refusals.length > 0) {
      output.line('')
      output.table(
        ['would refuse', 'route', 'reason', 'client', 'newest request'],
        refusals.map(({ route, reason, client, requests, example }) =>
          [requests, route, reason, client ?? '-', example.request].map(String),
        ),
      )
    }
    if (!complete) output.line('the number of audit records reached --records: older ones were not read')
    output.document({ since, records: records.length, complete, routes, refusals })
  },
})
