import { z } from 'zod'
import { durationForm, parseDuration } from '../../base/duration.ts'
import { AdminClient, adminFlag } from '../admin-client.ts'
import { drainExitCodes, drainedService, drainedUpstream, printDrain, servicesText } from '../drain-text.ts'
import { CliError, exitCodes } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

/** `gatehouse upstreams drain`: takes an upstream out of service on every node. */
export const verb = defineVerb({
  description: 'Send no new calls to an upstream, on every node; running calls and WebSockets continue',
  arguments: { upstream: drainedUpstream },
  flags: {
    for: z
      .string()
      .optional()
      .register(flag, { value: 'duration', help: 'end of the drain, such as 1h; default: until it is ended' }),
    service: drainedService,
    admin: adminFlag,
  },
  examples: [
    { run: 'gatehouse upstreams drain http://orders-1:8080 --for 1h', does: 'for maintenance of an upstream' },
    { run: 'gatehouse upstreams drain http://orders-1:8080 --service orders', does: 'for one service, without an end' },
  ],
  exitCodes: drainExitCodes,
  run: async ({ upstream, service, admin, for: time }, output) => {
    const ms = time === undefined ? undefined : parseDuration(time)
    if (time !== undefined && (ms === undefined || ms < 1000)) {
      throw new CliError(exitCodes.usage, 'GH_USAGE', `--for must be ${durationForm}, at least 1s`)
    }
    const { document } = await AdminClient.from(admin).call('POST', '/api/v1/upstreams/drain', 'upstreams', {
      upstream,
      ...(service !== undefined && { service }),
      ...(ms !== undefined && { for_s: Math.ceil(ms / 1000) }),
    })
    output.line(`Drained ${upstream} in ${servicesText(document)}${time === undefined ? '' : ` for ${time}`}.`)
    return printDrain(document, output)
  },
})
