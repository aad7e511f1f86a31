import { z } from 'zod'
import { entryName } from '../../config/entry-name.ts'
import { parsedText } from '../../config/text-schemas.ts'
import { readOrigin } from '../../config/web-url.ts'
import { claimPath } from '../claim-path.ts'
import { roleName } from '../role-name.ts'
import { auditEntry } from './audit-entry.ts'
import { corsEntry } from './cors-entry.ts'
import { limitEntries } from './limit-entry.ts'
import { passHeaders } from './pass-headers.ts'
import { routeEntry } from './route-entry.ts'
import { serviceTimeouts } from './timeouts.ts'

const role = z.strictObject({
  claim: claimPath.describe(
    'Where the claim is: names joined by dots, or a list of names where a name holds a dot itself, as in ' +
      '["https://api.example/roles"].',
  ),
  any: z.array(z.string().min(1)).min(1).describe('The role is held when the claim is, or contains, one of these.'),
})

/** An entry under `services`: the protected service and how to reach it. */
export const serviceEntry = z.strictObject({
  issuers: z
    .array(entryName)
    .min(1)
    .optional()
    .describe('Issuers whose tokens are accepted. May be left out while the policy has exactly one, or all is public.'),
  upstreams: z
    .array(parsedText('an http or https origin such as http://orders-1:8080', readOrigin))
    .min(1)
    .describe('Where the service is: origins, without a path. Link-local addresses are refused.'),
  roles: z
    .record(roleName, role)
    .prefault({})
    .describe('Roles that requirements can name, each with the claim that gives it.'),
  credentials: z
    .enum(['assertion', 'token', 'none'])
    .prefault('assertion')
    .describe(
      'What the service gets. assertion (default): a signed statement of who calls, for this service alone. token: ' +
        "the client's own token, with which the service can act as the client elsewhere. none: nothing.",
    ),
  timeouts: serviceTimeouts,
  host: z
    .enum(['preserve', 'upstream'])
    .prefault('preserve')
    .describe('Host that the service sees: as the client sent it (default), or of the upstream.'),
  http_client: z
    .enum(['own', 'undici'])
    .prefault('own')
    .describe(
      'What speaks to `http` upstreams: own (default), the gate itself; or undici, which speaks to all `https` ones. The way ' +
        'back where a service and the own client do not agree; dearer by half.',
    ),
  max_calls: z
    .int()
    .min(1)
    .max(65_536)
    .prefault(4096)
    .describe(
      'Calls that a node has under way to one upstream, each on a connection. Default 4096, 1 to 65536. Beyond it the next ' +
        'upstream is asked, or the reply is 503. One client has three quarters of them at most.',
    ),
  encoded_slashes: z
    .enum(['refuse', 'keep'])
    .prefault('refuse')
    .describe('Paths with %2F: refused (default), or kept escaped, for services that do not read them as a slash.'),
  path_parameters: z
    .enum(['refuse', 'allow'])
    .prefault('refuse')
    .describe('Paths with `;`: refused (default), or allowed, for services that do not cut segments there.'),
  chunked: z
    .enum(['accept', 'refuse'])
    .prefault('accept')
    .describe('Uploads without Content-Length: accepted (default), or refused with 411.'),
  trust_trace: z
    .boolean()
    .prefault(true)
    .describe(
      'Continues the trace that the client sent; its sampled flag counts once the request is admitted. Default true; false ' +
        'starts a new trace for each exchange.',
    ),
  auth_request_headers: z
    .boolean()
    .prefault(false)
    .describe('Also sends X-Auth-Request-User, -Preferred-Username, -Email and -Groups, unsigned. Default false.'),
  pass_headers: passHeaders.describe(
    'Fields that other proxies state, such as X-Real-IP or X-SSL-Client-Verify, and that the service gets as the client ' +
      'sent them. Default []: the gate removes them. Any client can send them, so name a field only where a proxy in ' +
      'front overwrites it. Shown as a relaxation. docs/reference/wire.md lists the names.',
  ),
  audit: auditEntry
    .optional()
    .describe(
      'The audit log. `open` (default), `closed`, or a mapping: what happens while there is no room for another record, ' +
        'and whether records have the query.',
    ),
  cors: corsEntry.optional().describe('Which pages of other origins may use the service. Default: none.'),
  limits: limitEntries.prefault([]).describe('Limits that the routes of the service share.'),
  routes: z.array(routeEntry).min(1).describe('What is reachable, and what it demands.'),
})

export type ServiceEntry = z.output<typeof serviceEntry>
