/**
 * Fields of an audit record and their meanings. Names follow the OpenTelemetry semantic conventions where the
 * conventions define the field; other names start with `gatehouse.`. A record is one flat JSON object on one line. A
 * field whose value is unknown or does not apply is omitted.
 */
export const recordFields = {
  id: '`<chain>-<number>`. Unique and stable: use it to drop duplicates. The numbers of a chain have no gaps.',
  time: 'Start of the exchange or call by the clock of the node (RFC 3339, UTC, ms). For `refusals`: start of the first request.',
  kind: '`exchange`, `refusals` (refusals that share one record), `revocation`, `admin`, `chain.open` or `chain.close`.',
  'gatehouse.node': 'Id of the node that wrote the record.',

  // Audit record fields about the caller.
  'user.id':
    'Subject who acted: `sub` of the token, of the login session, or of the admin caller. For a back-channel logout: the subject who was logged out, if the issuer names one.',
  'gatehouse.issuer': 'Issuer identifier (`iss`) of user, client and session.',
  'gatehouse.client': 'OAuth client id of the token.',
  'session.id':
    'Id of the login session, also in the exchange that starts or ends it. For a token or logout token: its `sid`, the session at the issuer.',
  'gatehouse.credential':
    'How the admin caller was authenticated: `access token` or `bootstrap token`, or `console session (…)` with the token of the session.',
  'tls.client.hash.sha256':
    'SHA-256 hash of the client certificate of the request, in hexadecimal digits in upper case: of the connection, or as stated by a listed proxy.',
  'client.address':
    'IP address of the client, as stated by a listed proxy if there is one. For `refusals`: an IPv4 address or IPv6 /64, absent if the requests came from several addresses.',
  'user_agent.original':
    '`User-Agent` of the request, cut to 1,024 characters; to 256 bytes if the request was rejected without a route.',

  // Audit record fields about the requested resource.
  'gatehouse.service': 'Id of the service in the policy.',
  'gatehouse.route': 'Id of the route in the policy.',
  'gatehouse.policy.revision': 'Revision of the policy that decided the request.',
  'server.address': 'Requested host.',
  'http.request.method': 'Method of the request.',
  'url.path':
    'Normalized path, or the path as sent if it cannot be normalized. Cut to 8,192 characters; to 256 bytes if the request was rejected without a route.',
  'url.query': 'Query string, if the route records it, without the values of parameters that carry credentials.',
  'gatehouse.check':
    'For a forward-auth check: path at which the proxy asked; `/.gatehouse/check` for a check of Envoy over gRPC.',
  'gatehouse.operation': 'Operation of the admin API. Absent if the call was rejected before its operation was known.',
  'gatehouse.detail': 'Result of the admin operation, as a JSON string.',
  'gatehouse.request.id':
    'Request id, as in `X-Request-Id` and the access log. For `refusals`: id of the first request.',
  trace_id: 'Trace id of the request (W3C Trace Context).',

  // Audit record fields about the outcome of the exchange.
  'gatehouse.decision': '`admitted`, `refused`, `failed`, `answered` or `broken`.',
  'gatehouse.reason':
    'Reason of the decision, from docs/reference/reasons.md. For an admin call: its problem code. For `refusals`: the most frequent reason.',
  'gatehouse.refusals': 'For `refusals`: number of rejected requests in this record.',
  'gatehouse.refusals.until': 'For `refusals`: start of the last request (RFC 3339).',
  'gatehouse.refusals.reasons': 'For `refusals`: number of requests by reason, as a JSON string.',
  'gatehouse.fault': 'Description of the fault, for operators.',
  'gatehouse.limit': 'Rate limit that rejected the request.',
  'gatehouse.stream.end':
    'For the reason `stream-ended`: why the gate ended the reply, from docs/reference/reasons.md.',
  'gatehouse.stream.event':
    'For a WebSocket: `opened` in the record of its begin, `ended` in that of its end. Both have the same request id.',
  'gatehouse.stream.ended_at': 'Time at which the WebSocket ended (RFC 3339).',
  'gatehouse.stream.close_code':
    'Close code of the WebSocket towards the client: of the client, the service or the gate. 1006: the connection was lost.',
  'gatehouse.stream.messages_in': 'Number of WebSocket messages received from the client.',
  'gatehouse.stream.messages_out': 'Number of WebSocket messages sent to the client.',
  'gatehouse.shadow': 'Result of the shadow requirement of the route: `met`, or a reason.',
  'gatehouse.decision_facts':
    'With `audit.decision_facts`: what the policy examined, as a JSON string: kind of credential, scopes, roles, `acr`, `auth_time`, and the claims and request fields that a requirement names. Absent if longer than 8,192 characters.',
  'gatehouse.shadow_limit': 'Shadow limit that would have rejected the request.',
  'http.response.status_code': 'Status code of the reply. For the denial of a gRPC call: that of the denial, not 200.',
  'network.protocol.version': 'HTTP version of the request, if it is not 1.1: `2`.',
  'rpc.grpc.status_code':
    'For a gRPC call: the status that the client got, from 0 to 16, of the service or of the gate. Absent if the call was reset or cancelled.',
  'http.request.body.size': 'Bytes of the request body, or of the WebSocket messages, received.',
  'http.response.body.size': 'Bytes of the response body, or of the WebSocket messages, sent.',
  'gatehouse.gate_ms': 'Time spent in the gate, ms.',
  'gatehouse.upstream_ms': 'Time from forwarding the request to the response head of the service, ms.',
  'gatehouse.total_ms': 'Total time from the request head to the end of the exchange, ms.',
  'gatehouse.upstream': 'Origin of the upstream that received the request.',
  'gatehouse.attempts': 'Number of attempts to forward the request, if more than one.',

  // Audit record fields of a revocation; the caller's fields show who ordered the revocation.
  'gatehouse.revocation.id': 'Id of the revocation receipt.',
  'gatehouse.revocation.kind': 'Kind of the revocation: `token`, `jti`, `session`, `subject`, `client` or `issuer`.',
  'gatehouse.revocation.target': 'Revoked `jti`, session, subject or client. Never a token.',
  'gatehouse.revocation.issuer': 'Issuer named in the revocation order.',
  'gatehouse.revocation.before': 'For kind `issuer`: tokens issued before this time are revoked (RFC 3339).',
  'gatehouse.revocation.reason': 'Reason given in the revocation order.',
  'gatehouse.revocation.matched_by':
    'For kind `token`: how nodes recognize the token: `signed-text`, `jti`, `answer` or `text`, as in the receipt.',

  // Fields of the audit records that begin and end a chain (kinds chain.open and chain.close).
  'gatehouse.version': 'Version of Gatehouse.',
  'gatehouse.audit.key': 'Id of the audit key of the chain. Absent if the chain is not keyed.',
  'gatehouse.lost': 'Records of the chain lost so far because there was no space for them.',
} as const

export type RecordField = keyof typeof recordFields

export const recordKinds = ['exchange', 'refusals', 'revocation', 'admin', 'chain.open', 'chain.close'] as const

export type RecordKind = (typeof recordKinds)[number]

/** A parsed audit record. The record can contain fields of a later version of Gatehouse. */
export type AuditRecord = { readonly id: string; readonly time: string; readonly kind: RecordKind } & {
  readonly [field in Exclude<RecordField, 'id' | 'time' | 'kind'>]?: string | number
}

/** Splits the id of an audit record into chain and number. @returns `undefined` when the text is not a record id */
export function readRecordId(id: string): { readonly chain: string; readonly number: number } | undefined {
  const [, chain, digits] = /^([A-Za-z0-9._-]{1,128})-([1-9][0-9]{0,14})$/.exec(id) ?? []
  return chain === undefined ? undefined : { chain, number: Number(digits) }
}
