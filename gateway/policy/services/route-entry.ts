import { z } from 'zod'
import { priorities } from '../../base/priority.ts'
import { sizeOrNone, text } from '../../config/text-schemas.ts'
import { addressLists } from '../address-lists.ts'
import { requirementEntry, requirementTree } from '../requirements/requirement-tree.ts'
import { acceptEntry, basicEntry } from './accept-entry.ts'
import { auditEntry } from './audit-entry.ts'
import { corsEntry } from './cors-entry.ts'
import { credentialEntry } from './credentials/credential-kinds.ts'
import { grpcEntry } from './grpc-entry.ts'
import { routeLimitEntries } from './limit-entry.ts'
import { matchEntry } from './match-entry.ts'
import { onOutage } from './on-outage.ts'
import { retryEntry } from './retry-entry.ts'
import { streamsEntry } from './streams-entry.ts'
import { routeTimeouts } from './timeouts.ts'
import { websocketEntry } from './websocket-entry.ts'

/** Schema of a path prefix. The policy compiler validates the prefix together with the pattern of the route. */
const prefix = z.string().max(1024)

/** Schema of an entry under `routes` of a service: the requests that the route matches, and its requirements. */
export const routeEntry = z.strictObject({
  id: text('1 to 128 letters, digits, dots, - or _', /^[A-Za-z0-9._-]{1,128}$/).describe(
    'Name of the route in logs and metrics. Unique in the policy.',
  ),
  match: matchEntry.describe(
    'Requests that the route matches. The route with the most literal host and path applies, then the method ' +
      'decides. Requests that match no route are rejected.',
  ),
  require: requirementEntry
    .describe('Requirement that a request must meet. Only the word `public` admits every request.')
    .meta({
      remedy:
        'state a condition such as `require: { scopes: { all: [NAME] } }`, or `require: public` to admit everyone',
    }),
  accept: acceptEntry.optional().describe('Overrides `accept` of the service for this route.'),
  basic: basicEntry.optional().describe('Overrides `basic` of the service for this route.'),
  addresses: addressLists.optional().describe('Client addresses that may use the route. Default: every address.'),
  body: z
    .strictObject({
      max: sizeOrNone({ min: '0B', max: '1024GiB' })
        .prefault('10MiB')
        .describe(
          'Maximum size of a request body. Default 10MiB; none: no limit. A larger body gets 413. Does not apply to gRPC ' +
            'calls, which have `grpc.max_message`.',
        ),
    })
    .prefault({}),
  timeouts: routeTimeouts.optional(),
  retry: retryEntry
    .optional()
    .describe('Replaces `retry` of the service for this route, as a whole. Default: `retry` of the service.'),
  credentials: credentialEntry.optional().describe('Overrides `credentials` of the service for this route.'),
  cors: corsEntry.optional().describe('Cross-origin access to the route. Default: `cors` of the service.'),
  grpc: grpcEntry
    .optional()
    .describe(
      'Lets the route take gRPC calls, and overrides `grpc` of the service. A route with `match.grpc` needs no `grpc`.',
    ),
  websocket: websocketEntry.optional().describe('WebSockets on this route. Default: none; a handshake gets 501.'),
  limits: routeLimitEntries
    .prefault([])
    .describe('Limits of this route, in addition to the limits of its service and of the policy.'),
  rewrite: z
    .strictObject({
      strip_prefix: prefix
        .optional()
        .describe('Prefix that is removed from the path: whole segments with which every path of the route starts.'),
      add_prefix: prefix.optional().describe('Prefix that is added to the path after strip_prefix is removed.'),
    })
    .refine(({ strip_prefix, add_prefix }) => strip_prefix !== undefined || add_prefix !== undefined, {
      error: 'must have strip_prefix or add_prefix',
    })
    .optional()
    .describe('Path that the service receives. Default: unchanged. Rules, logs and metadata use the original path.'),
  on_outage: onOutage.describe(
    'Behaviour of the route while Redis or the issuer is unavailable. Keys that are absent have the value of the ' +
      'service, else of the policy.',
  ),
  streams: streamsEntry.describe('Event streams, long downloads and long uploads of the route.'),
  audit: auditEntry.optional().describe('Overrides `audit` of the service for this route.'),
  priority: z.enum(priorities).optional().describe('Overrides `priority` of the service for this route.'),
  shadow: z
    .strictObject({
      require: requirementTree.describe('Requirement that is evaluated and recorded, and never enforced.'),
    })
    .optional()
    .describe(
      'Requirement that is evaluated in addition to `require` and never enforced. The access log shows how it would ' +
        'have decided each request.',
    ),
})

export type RouteEntry = z.output<typeof routeEntry>
