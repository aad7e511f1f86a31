import { z } from 'zod'
import { priorities } from '../../base/priority.ts'
import { entryName } from '../../config/entry-name.ts'
import { durationOrNone } from '../../config/text-schemas.ts'
import { serviceProtocols } from '../../upstream/service-protocol.ts'
import { claimPath } from '../claim-path.ts'
import { roleName } from '../role-name.ts'
import { acceptEntry, basicEntry } from './accept-entry.ts'
import { auditEntry } from './audit-entry.ts'
import { authRequestHeaders } from './auth-request-headers.ts'
import { corsEntry } from './cors-entry.ts'
import { credentialEntry } from './credentials/credential-kinds.ts'
import { ejectionEntry } from './ejection-entry.ts'
import { grpcEntry } from './grpc-entry.ts'
import { healthEntry } from './health-entry.ts'
import { limitEntries } from './limit-entry.ts'
import { onOutage } from './on-outage.ts'
import { passHeaders } from './pass-headers.ts'
import { retryEntry } from './retry-entry.ts'
import { routeEntry } from './route-entry.ts'
import { serviceTimeouts } from './timeouts.ts'
import { upstreamEntries } from './upstream-entry.ts'
import { upstreamTlsEntry } from './upstream-tls-entry.ts'

const role = z.strictObject({
  claim: claimPath.describe(
    'Path of the claim: names joined by dots, or a list when a name contains a dot, for example ' +
      '[https://api.example/roles].',
  ),
  any: z
    .array(z.string().min(1))
    .min(1)
    .describe(
      'Values of the claim that give the role: the request has the role when the claim equals or contains one of ' +
        'them.',
    ),
})

/** Schema of an entry under `services`: the protected service and how the gate reaches it. */
export const serviceEntry = z.strictObject({
  issuers: z
    .array(entryName)
    .min(1)
    .optional()
    .describe(
      'Issuers whose tokens are accepted. Optional when the policy has exactly one issuer, or when each route is ' +
        'public or admits callers by their certificates.',
    ),
  upstreams: upstreamEntries.describe(
    'Origins of the service, without a path, or mappings with url and weight. Of two random upstreams, each call goes ' +
      'to the one with fewer calls in flight. Link-local addresses are rejected. docs/guide/upstreams.md explains how ' +
      'the gate avoids upstreams that fail.',
  ),
  ejection: ejectionEntry.describe(
    'When the gate ejects an upstream whose calls fail or are slow, compared with the other upstreams of the service; ' +
      'none: never. Default {}. No effect on a service with one upstream.',
  ),
  slow_start: durationOrNone({ min: '1s', max: '1h' })
    .prefault('10s')
    .describe(
      'Time in which an upstream that returns after an outage gets its whole share of the calls again. Default 10s, 1s ' +
        'to 1h; none: at once.',
    ),
  retry: retryEntry
    .prefault({})
    .describe(
      'When the gate sends a request again after a failed attempt; none: never, not even when an upstream cannot be ' +
        'reached. Default {}: requests without a body, after a failed connection or a connection that is lost before ' +
        'the response. docs/guide/retries.md explains the keys.',
    ),
  health: healthEntry
    .optional()
    .describe(
      'Active checks of the upstreams. An upstream that fails its checks gets no calls while another one is available. ' +
        'A check has no credential and no field of a client. Default: no checks; failed calls still count.',
    ),
  protocol: z
    .enum(serviceProtocols)
    .prefault('http1')
    .describe(
      'Protocol in which the gate calls the upstreams. http1 (default): HTTP/1.1. h2: HTTP/2 over TLS; all upstreams ' +
        'are https. h2c: HTTP/2 without TLS (prior knowledge); all upstreams are http. gRPC services need h2 or h2c. ' +
        'docs/guide/http2.md explains the differences.',
    ),
  roles: z
    .record(roleName, role)
    .prefault({})
    .describe('Roles that requirements can name, each with the claim that grants it.'),
  credentials: credentialEntry
    .prefault('assertion')
    .describe(
      'Credential that the service receives. assertion (default): a signed statement about the caller, valid for ' +
        "this service only. token: the client's token, with which the service can act as the client elsewhere. none: " +
        'no credential. A mapping with `type` selects another kind. docs/guide/service-credentials.md compares the kinds.',
    ),
  upstream_tls: upstreamTlsEntry
    .optional()
    .describe(
      'TLS connections to the upstreams: client certificate (mutual TLS), trusted authorities, name and lowest version. ' +
        'Files are read again when they change; relative paths start at the folder of this policy file. Only for https ' +
        'upstreams. Default: no client certificate, and the authorities of Node.js.',
    ),
  accept: acceptEntry
    .prefault(['bearer'])
    .describe(
      'Schemes of `Authorization` with which callers authenticate. Default [bearer]: access tokens. basic: a client id ' +
        'and secret, which the gate exchanges at the issuer for a token; needs `basic`. Login sessions do not depend on ' +
        'this key.',
    ),
  basic: basicEntry.optional().describe('How the gate gets a token for callers with a client id and secret.'),
  timeouts: serviceTimeouts,
  host: z
    .enum(['preserve', 'upstream'])
    .prefault('preserve')
    .describe('Host that the service receives: that of the request (preserve, default), or that of the upstream.'),
  max_calls: z
    .int()
    .min(1)
    .max(65_536)
    .prefault(4096)
    .describe(
      'Maximum concurrent calls of a node to one address of an upstream, with HTTP/1.1 each on its own connection. Default 4096, 1 ' +
        'to 65536. Above it, the next upstream is called, or the response is 503. One client gets at most three ' +
        'quarters of these calls.',
    ),
  concurrency: z
    .enum(['fixed', 'adaptive'])
    .prefault('fixed')
    .describe(
      'Limit of the concurrent calls of a node to one upstream. fixed (default): max_calls. adaptive: also an estimate ' +
        'from 16 to max_calls, which shrinks while the upstream replies later than usual. Streams and WebSockets do not ' +
        'count. docs/guide/upstreams.md explains it.',
    ),
  warm_connections: z
    .int()
    .min(0)
    .max(64)
    .prefault(0)
    .describe(
      'Connections that a node opens to each address of an upstream before calls need them: at the start, when the ' +
        'policy or DNS adds the address, and when it is available again. With HTTP/2 one session. Connections without ' +
        'a call close, with HTTP/1.1 after 4 s. Default 0, up to 64.',
    ),
  priority: z
    .enum(priorities)
    .prefault('default')
    .describe(
      'Which requests an overloaded node sheds first: batch before default (default) before critical. Unknown callers ' +
        'are shed before users, whatever the priority. docs/guide/overload.md explains it.',
    ),
  encoded_slashes: z
    .enum(['refuse', 'keep'])
    .prefault('refuse')
    .describe(
      'Paths with %2F: rejected (refuse, default), or forwarded escaped (keep), for services that do not treat %2F ' +
        'as a slash.',
    ),
  path_parameters: z
    .enum(['refuse', 'allow'])
    .prefault('refuse')
    .describe(
      'Paths with `;`: rejected (refuse, default), or allowed, for services that do not split segments at `;`.',
    ),
  chunked: z
    .enum(['accept', 'refuse'])
    .prefault('accept')
    .describe('Uploads without Content-Length: accepted (default), or rejected with 411 (refuse).'),
  trust_trace: z
    .boolean()
    .prefault(true)
    .describe(
      'Whether the trace of the client is continued; its sampled flag is used once the request is admitted. ' +
        'Default true; false starts a new trace for each exchange.',
    ),
  auth_request_headers: authRequestHeaders.describe(
    'Whether the service also receives X-Auth-Request-User, -Preferred-Username, -Email and -Groups, unsigned. ' +
      'Default false. A mapping names other fields, such as { user: X-Forwarded-User }; the gate removes these fields ' +
      'from requests of clients.',
  ),
  pass_headers: passHeaders.describe(
    'Request fields that other proxies set, such as X-Real-IP or X-SSL-Client-Verify, and that the service ' +
      'receives as the client sent them. Default []: the gate removes them. Any client can send them, so list a ' +
      'field only if a proxy in front overwrites it. The status of the node lists them as relaxations. ' +
      'docs/reference/wire.md lists the names.',
  ),
  audit: auditEntry
    .optional()
    .describe(
      'Audit log of the service. `open` (default), `closed`, or a mapping: behaviour while there is no space for ' +
        'another record, and whether records contain the query.',
    ),
  cors: corsEntry.optional().describe('Cross-origin access to the service. Default: none.'),
  grpc: grpcEntry
    .optional()
    .describe(
      'Lets every route of the service take gRPC calls; {} has the defaults. The service needs protocol h2 or h2c. Default: ' +
        'only routes with `match.grpc` or `grpc` take gRPC calls, because `body.max` does not bound a gRPC call.',
    ),
  limits: limitEntries.prefault([]).describe('Limits that the routes of the service share.'),
  on_outage: onOutage.describe(
    'Behaviour of the routes of the service while Redis or the issuer is unavailable. Keys that are absent have the ' +
      'value of the policy; keys in `on_outage` of a route take precedence.',
  ),
  routes: z
    .array(routeEntry)
    .min(1)
    .describe('Routes of the service: the requests that can reach it, and their requirements.'),
})

export type ServiceEntry = z.output<typeof serviceEntry>
