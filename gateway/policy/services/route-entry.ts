import { z } from 'zod'
import { forwardedMethods } from '../../base/methods.ts'
import { sizeOrNone, text } from '../../config/text-schemas.ts'
import { addressLists } from '../address-lists.ts'
import { requirementEntry, requirementTree } from '../requirements/requirement-tree.ts'
import { auditEntry } from './audit-entry.ts'
import { corsEntry } from './cors-entry.ts'
import { limitEntries } from './limit-entry.ts'
import { onOutage } from './on-outage.ts'
import { routeTimeouts } from './timeouts.ts'

/** Validated when the policy is compiled, together with the pattern that it must fit. */
const prefix = z.string().max(1024)

/** An entry under `routes` of a service: which requests it matches, and their requirements. */
export const routeEntry = z.strictObject({
  id: text('1 to 128 letters, digits, dots, - or _', /^[A-Za-z0-9._-]{1,128}$/).describe(
    'Name of the route in logs and metrics. Unique in the policy.',
  ),
  match: z
    .strictObject({
      host: z
        .string()
        .max(255)
        .optional()
        .describe('Host in lower case, without a port; `*.example` is any one label before it. Default: every host.'),
      path: z
        .string()
        .max(2048)
        .describe(
          'Path in normal form. `*` is one whole segment, `**` zero or more, only last. Case and slashes count.',
        ),
      methods: z
        .array(z.enum(forwardedMethods))
        .min(1)
        .optional()
        .describe('Methods; GET includes HEAD. Default: every method that the gate forwards.'),
      fall_through: z
        .boolean()
        .prefault(false)
        .describe(
          'Whether a request of another method may be matched by a less literal path or host. Default false: it gets 405. ' +
            'With true a weaker route can admit it. Shown as a relaxation. Routes of one host and path must agree.',
        ),
    })
    .describe('The most literal host and path win, then the method counts. What no route matches is refused.'),
  require: requirementEntry.describe('What a request must bring. Only the word `public` lets everybody in.'),
  addresses: addressLists.optional().describe('Client addresses that may use the route. Default: every address.'),
  body: z
    .strictObject({
      max: sizeOrNone({ min: '0B', max: '1024GiB' })
        .prefault('10MiB')
        .describe('Largest request body, in bytes. Default 10MiB; none: as large as the client likes. More gets 413.'),
    })
    .prefault({}),
  timeouts: routeTimeouts.optional(),
  cors: corsEntry.optional().describe('Which pages of other origins may use the route. Default: that of the service.'),
  limits: limitEntries
    .prefault([])
    .describe('Limits of this route alone, beside those of its service and of the policy.'),
  rewrite: z
    .strictObject({
      strip_prefix: prefix
        .optional()
        .describe('Taken off the front of the path: whole segments that every path of the route starts with.'),
      add_prefix: prefix.optional().describe('Put in front of the path, once strip_prefix is off.'),
    })
    .refine(({ strip_prefix, add_prefix }) => strip_prefix !== undefined || add_prefix !== undefined, {
      error: 'must have strip_prefix or add_prefix',
    })
    .optional()
    .describe('Path that the service sees. Default: as it came. Rules, logs and metadata know only the one that came.'),
  on_outage: onOutage,
  audit: auditEntry.optional().describe('As `audit` of the service, for this route alone.'),
  shadow: z
    .strictObject({
      require: requirementTree.describe('A requirement that is tried out: judged and recorded, and never enforced.'),
    })
    .optional()
    .describe('What stands beside the rules in force. The access log tells how it would have judged each request.'),
})

export type RouteEntry = z.output<typeof routeEntry>
