/**
 * Fields of an audit record and their meanings. Names follow the OpenTelemetry semantic conventions where these define
 * one, otherwise they start with `gatehouse.`. A record is one flat JSON object on one line. Fields that are unknown or
 * do not apply are omitted.
 */
export const recordFields = {
  id: '`<chain>-<number>`. Unique and stable: what arrives twice is told by it. Numbers of a chain have no gaps.',
  time: 'When the exchange or call began, of `refusals` the first one, by the clock of the node (RFC 3339, UTC, ms).',
  kind: '`exchange`, `refusals` (refusals that share one record), `revocation`, `admin`, `chain.open` or `chain.close`.',
  'gatehouse.node': 'The node that wrote it.',

  // the caller
  'user.id':
    'The subject who acted: of the token, of the login session, or of the caller of the admin API. Of a back-channel logout, who was logged out, where the issuer says it.',
  'gatehouse.issuer': 'Identifier of the issuer to which user, client and session belong.',
  'gatehouse.client': 'The OAuth client that acted.',
  'session.id':
    'The login session, also of the exchange that began or ended it; of a token, one for back-channel logout too, the session at the issuer that it names (`sid`).',
  'gatehouse.credential': 'How an administrator was known: `access token` or `bootstrap token`.',
  'client.address':
    'IP address of the client: with listed proxies, the one that they state. Of `refusals` an IPv4 address or an IPv6 /64, or not there: refusals of several addresses.',
  'user_agent.original':
    'The User-Agent field. Cut to 1,024 characters; to 256 bytes where a request was refused without a route.',

  // the requested resource
  'gatehouse.service': 'The service.',
  'gatehouse.route': 'The route.',
  'gatehouse.policy.revision': 'Revision of the policy that decided.',
  'server.address': 'The host that was asked for.',
  'http.request.method': 'The method.',
  'url.path':
    'The path in normal form; as it was sent where it has none. Cut to 8,192 characters; to 256 bytes where a request was refused without a route.',
  'url.query': 'The query, where the route asks for it, without the values of parameters that carry credentials.',
  'gatehouse.check': 'Where a proxy asked, of a request that it forwards itself (forward-auth).',
  'gatehouse.operation': 'Operation of the admin API; not there when the call named none, or was refused before.',
  'gatehouse.detail': 'What an operation did, as JSON in a text.',
  'gatehouse.request.id':
    'Id of the request, as in `X-Request-Id` and the access log. Of `refusals` that of the first one.',
  trace_id: 'The trace that the request belongs to (W3C Trace Context).',

  // the outcome
  'gatehouse.decision': '`admitted`, `refused`, `failed`, `answered` or `broken`.',
  'gatehouse.reason':
    'Why, a word of the closed list in docs/reference/reasons.md; of an admin call, its problem code; of `refusals`, the most frequent reason.',
  'gatehouse.refusals': 'Of `refusals`: how many refused requests the record stands for.',
  'gatehouse.refusals.until': 'Of `refusals`: when the last of these requests began (RFC 3339).',
  'gatehouse.refusals.reasons': 'Of `refusals`: how many requests each reason refused, as JSON in a text.',
  'gatehouse.fault': 'What broke, for operators.',
  'gatehouse.limit': 'The limit that refused.',
  'gatehouse.shadow': 'How the requirement that the route tries out would have judged: `met`, or a reason.',
  'gatehouse.shadow_limit': 'A limit that is tried out and would have refused.',
  'http.response.status_code': 'The status.',
  'http.request.body.size': 'Bytes of the body that came.',
  'http.response.body.size': 'Bytes of the body that went out.',
  'gatehouse.gate_ms': "The gate's own time, ms.",
  'gatehouse.upstream_ms': "The service's time to the head of its reply, ms.",
  'gatehouse.total_ms': 'From the head of the request to the end, ms.',
  'gatehouse.upstream': 'Origin of the upstream that served it.',
  'gatehouse.attempts': 'Upstreams that were tried, where it was more than one.',

  // revocation; the caller's fields say who ordered it
  'gatehouse.revocation.id': 'Id of the receipt.',
  'gatehouse.revocation.kind': '`token`, `jti`, `session`, `subject`, `client` or `issuer`.',
  'gatehouse.revocation.target': 'The jti, session, subject or client that was revoked. Never a token.',
  'gatehouse.revocation.issuer': 'The issuer that the order named.',
  'gatehouse.revocation.before': 'With `issuer`: tokens from before this time (RFC 3339).',
  'gatehouse.revocation.reason': 'Why, as the order says.',
  'gatehouse.revocation.matched_by':
    'With `token`: by what nodes recognize it, `signed-text`, `jti`, `answer` or `text`, as in the receipt.',

  // chain.open, chain.close
  'gatehouse.version': 'Version of Gatehouse.',
  'gatehouse.audit.key': 'Id of the key of the chain; not there when it has none.',
  'gatehouse.lost': 'Records that the chain has lost so far, since there was no room for them.',
} as const

export type RecordField = keyof typeof recordFields

export const recordKinds = ['exchange', 'refusals', 'revocation', 'admin', 'chain.open', 'chain.close'] as const

export type RecordKind = (typeof recordKinds)[number]

/** A parsed record. It may contain fields of a later version. */
export type AuditRecord = { readonly id: string; readonly time: string; readonly kind: RecordKind } & {
  readonly [field in Exclude<RecordField, 'id' | 'time' | 'kind'>]?: string | number
}

/** Splits a record id into its chain and number. @returns `undefined` when the text is not a record id */
export function readRecordId(id: string): { readonly chain: string; readonly number: number } | undefined {
  const [, chain, digits] = /^([A-Za-z0-9._-]{1,128})-([1-9][0-9]{0,14})$/.exec(id) ?? []
  return chain === undefined ? undefined : { chain, number: Number(digits) }
}
