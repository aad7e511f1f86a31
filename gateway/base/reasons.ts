/**
 * Outcome reasons of exchanges: the closed vocabulary that the access log, `explain` and the audit record share.
 *
 * The client sees only `code` (RFC 9457 member `code`), never the reason. Rejected tokens therefore look alike,
 * whatever is wrong with them. `close` ends the connection: bytes that follow on it cannot be trusted to be a request.
 */
interface ReasonEntry {
  readonly status: number
  readonly code: string
  readonly why: string
  readonly close?: true
}

const entry = (status: number, code: string, why: string): ReasonEntry => ({ status, code, why })
const closing = (status: number, code: string, why: string): ReasonEntry => ({ status, code, why, close: true })

export const reasons = {
  admitted: entry(200, 'admitted', 'every requirement of the route was met'),

  answered: entry(
    200,
    'answered',
    'the gate answered by itself: its keys, resource metadata, a preflight, or OPTIONS with `Max-Forwards: 0`',
  ),

  // guard-request: syntax and size of the request
  'method-unknown': closing(400, 'bad_request', 'the method is not one that the gate knows'),
  'method-refused': closing(405, 'method_not_allowed', 'CONNECT and TRACE are never forwarded'),
  'target-malformed': closing(
    400,
    'bad_request',
    'the target does not start with / or has a byte that is not visible ASCII',
  ),
  'target-too-long': closing(414, 'uri_too_long', 'the target is longer than request.target_max'),
  'head-too-large': closing(431, 'head_too_large', 'the head is larger than request.head_max'),
  'fields-too-many': closing(431, 'head_too_large', 'the head has more fields than request.fields_max'),
  'connection-members': closing(400, 'bad_request', 'Connection has more than 32 members, in all its lines together'),
  'too-many-cookies': closing(431, 'too_many_cookies', 'the request has more than 256 cookies'),
  'field-name': closing(400, 'bad_request', 'a field name is not a token (RFC 9110 §5.6.2)'),
  'field-value': closing(400, 'bad_request', 'a field value has a byte that is not text'),
  'field-repeated': closing(400, 'bad_request', 'a field that may occur once occurs twice'),
  'field-framing-alias': closing(400, 'bad_request', 'a field name imitates Content-Length or Transfer-Encoding'),
  'host-malformed': closing(400, 'bad_request', 'Host is not host[:port] (RFC 9110 §7.2)'),
  'framing-length': closing(400, 'bad_request', 'Content-Length is not one plain decimal number (RFC 9110 §8.6)'),
  'framing-encoding': closing(400, 'bad_request', 'Transfer-Encoding is not chunked alone (RFC 9112 §6.1)'),
  'framing-both': closing(400, 'bad_request', 'Content-Length and Transfer-Encoding in one request (RFC 9112 §6.3)'),
  'trailer-announced': closing(400, 'bad_request', 'request trailers are not served'),
  'max-forwards-malformed': closing(
    400,
    'bad_request',
    'Max-Forwards of an OPTIONS request is not one decimal number (RFC 9110 §7.6.2)',
  ),
  'expectation-unknown': closing(417, 'expectation_failed', 'Expect is not 100-continue (RFC 9110 §10.1.1)'),
  'upgrade-unsupported': closing(501, 'upgrade_not_supported', 'protocol upgrades are not served'),
  'grpc-unsupported': closing(415, 'grpc_not_supported', 'gRPC needs HTTP/2 and trailers, which are not served'),
  'length-required': closing(411, 'length_required', 'the service refuses chunked uploads'),
  'body-too-large': closing(413, 'body_too_large', 'the body is larger than the route allows'),
  'proxied-address': closing(400, 'bad_request', 'a PROXY header is where none may be, or missing where it must be'),
  'forwarded-malformed': closing(400, 'bad_request', 'a listed proxy wrote a chain of addresses that cannot be read'),
  'certificate-malformed': closing(
    400,
    'bad_request',
    'a listed proxy wrote a Client-Cert field that cannot be read (RFC 9440)',
  ),
  'path-dot-segment': closing(400, 'ambiguous_path', 'the path has a dot segment, plain or escaped'),
  'path-empty-segment': closing(400, 'ambiguous_path', 'the path has an empty segment (//)'),
  'path-backslash': closing(400, 'ambiguous_path', 'the path has a backslash, plain or escaped'),
  'path-encoded-slash': closing(400, 'ambiguous_path', 'the path has %2f and the service does not keep it'),
  'path-parameter': closing(400, 'ambiguous_path', 'the path has ; and the service does not allow it'),
  'path-control': closing(400, 'ambiguous_path', 'the path has an escaped control character'),
  'path-fragment': closing(400, 'ambiguous_path', 'the target has a fragment (#)'),
  'path-raw-character': closing(400, 'ambiguous_path', 'the path has a character that must be escaped (RFC 3986 §2)'),
  'path-escape': closing(400, 'ambiguous_path', 'the path has a % that does not start a valid escape'),
  'path-utf8': closing(400, 'ambiguous_path', 'the escapes of the path are not valid UTF-8'),

  // read-check: checks of a proxy in front (forward auth)
  'check-unlisted': entry(403, 'forbidden', 'check.peers of the settings does not list the peer that asks for a check'),
  'check-incomplete': entry(400, 'bad_request', 'the check does not say method, target and host of one request'),
  'check-ambiguous': entry(400, 'bad_request', 'the check tells of more than one request, or of two hosts'),
  'check-steered': entry(
    400,
    'bad_request',
    'a field or alias that the gate drops, and a proxy would pass on, asks for another request or speaks for the gate',
  ),
  'check-query': entry(400, 'bad_request', 'the check itself has a query other than style=nginx'),

  // answer-preflight
  'preflight-refused': entry(403, 'forbidden', 'a preflight for a route, origin or method that is not shared (cors)'),

  // match-route
  'route-unknown': entry(404, 'not_found', 'no route matches this path under this host'),
  'method-not-mapped': entry(
    405,
    'method_not_allowed',
    'the most literal path that matches has no route for the method',
  ),
  'host-not-served': closing(421, 'misdirected_request', 'the certificate of this connection does not cover the host'),
  'host-unknown': entry(421, 'misdirected_request', 'every route names a host and none is this one'),

  // check-address
  'address-denied': entry(403, 'forbidden', 'the client address is not in the lists of the route'),

  // read-credential
  'credential-missing': entry(401, 'credential_required', 'the request carries no credential'),
  'credential-malformed': entry(400, 'invalid_request', 'the Authorization field is not a scheme and one token'),
  'credential-repeated': entry(400, 'invalid_request', 'the request carries more than one credential'),

  // answer-reserved: replies to browsers during login and logout
  'login-required': entry(303, 'login_required', 'a browser without a fitting login session is sent to log in'),
  'login-begun': entry(303, 'login_begun', 'the browser is sent to the issuer'),
  'login-choice': entry(200, 'login_choice', 'the browser is asked at which issuer to log in'),
  'logged-in': entry(303, 'logged_in', 'the login is done, and the browser sent to the page that it wanted'),
  'login-done-already': entry(303, 'logged_in', 'another tab has logged in meanwhile; the browser goes to its page'),
  'login-unknown': entry(400, 'login_failed', 'the login was never begun here, took too long, or is done already'),
  'login-foreign': entry(400, 'login_failed', 'the login was begun in another browser'),
  'login-reply-malformed': entry(400, 'login_failed', 'the reply of the issuer lacks a member, or has it twice'),
  'login-denied': entry(403, 'login_denied', 'the issuer says that the person is not logged in'),
  'login-unproven': entry(403, 'login_failed', 'what the issuer gave for the code does not prove who logged in'),
  'login-insufficient': entry(403, 'login_failed', 'the issuer did not authenticate the person as it was asked to'),
  'login-logged-out': entry(
    403,
    'login_failed',
    'the issuer has logged out the person, or its session (sid), since this login (OpenID Back-Channel Logout)',
  ),
  'login-token-unusable': entry(
    403,
    'login_failed',
    'the access token of the login is bound to a key (DPoP, cnf), or has characters that a bearer token cannot have',
  ),
  'login-too-large': entry(403, 'login_failed', 'the claims or tokens of the login are larger than a session may be'),
  'login-switch-asked': entry(
    200,
    'login_confirmation',
    'the browser is asked whether a login is to replace its session',
  ),
  'logout-asked': entry(200, 'logout_confirmation', 'the browser is asked whether to log out'),
  'logged-out': entry(200, 'logged_out', 'the login session is over'),
  'logout-token': entry(400, 'invalid_request', 'the logout token does not hold (OpenID Back-Channel Logout §2.6)'),
  'logout-subject': entry(400, 'invalid_request', 'the logout token names a person (sub) and a sid of another person'),
  'logout-replayed': entry(400, 'invalid_request', 'the logout token was used before'),

  // limit-address
  'address-limited': entry(429, 'too_many_requests', 'too many failed verifications from this address'),

  // authenticate: all of these look alike to the client (RFC 6750 §3.1)
  'token-malformed': entry(401, 'invalid_token', 'not a JWS in compact form (RFC 7515 §7.1)'),
  'token-too-long': entry(401, 'invalid_token', 'longer than request.token_max'),
  'token-duplicate-member': entry(401, 'invalid_token', 'a JSON member of the header or the claims occurs twice'),
  'token-algorithm': entry(401, 'invalid_token', 'alg is not one that the issuer is trusted for'),
  'token-critical-header': entry(401, 'invalid_token', 'crit or b64 in the header (RFC 7515 §4.1.11)'),
  'token-type': entry(401, 'invalid_token', 'typ is not that of an access token (RFC 9068 §4)'),
  'token-issuer-unknown': entry(401, 'invalid_token', 'iss is not an issuer of the policy'),
  'token-issuer-not-accepted': entry(401, 'invalid_token', 'the service does not list this issuer'),
  'token-key-unknown': entry(401, 'invalid_token', 'the issuer has no usable key with this kid'),
  'token-signature': entry(401, 'invalid_token', 'the signature does not verify'),
  'token-claims-malformed': entry(401, 'invalid_token', 'a claim has the wrong type or form'),
  'token-audience': entry(401, 'invalid_token', 'aud names none of the audiences of the issuer'),
  'token-expired': entry(401, 'invalid_token', 'exp is past'),
  'token-not-yet-valid': entry(401, 'invalid_token', 'nbf or iat lies ahead'),
  'token-lifetime': entry(401, 'invalid_token', 'exp is missing or further away than max_token_lifetime'),
  'token-subject-missing': entry(401, 'invalid_token', 'neither sub nor client_id'),
  'token-binding': entry(401, 'invalid_token', 'cnf binds the token to a key that cannot be checked here'),

  'token-inactive': entry(401, 'invalid_token', 'the issuer says that the token does not count (RFC 7662 §2.2)'),
  'token-ambiguous': entry(401, 'invalid_token', 'more than one issuer says that the token is theirs'),

  // check-revocation, check-validity
  'token-revoked': entry(401, 'invalid_token', 'the token, or what it was issued for, was revoked'),
  'expired-while-waiting': entry(
    503,
    'unavailable',
    'the token or session was valid on arrival, and expired while the gate waited for Redis, an issuer or an upstream',
  ),
  'revocation-stale': entry(503, 'unavailable', 'the node has had no news of revocations for too long'),

  // authorize
  'scope-missing': entry(403, 'insufficient_scope', 'the token lacks a scope that the route demands'),
  'role-missing': entry(403, 'forbidden', 'the subject lacks a role that the route demands'),
  'claim-mismatch': entry(403, 'forbidden', 'a claim does not have a value that the route demands'),
  'client-not-allowed': entry(403, 'forbidden', 'the client is not one that the route allows'),
  'header-mismatch': entry(403, 'forbidden', 'a request header does not have a value that the route demands'),
  'time-outside': entry(403, 'forbidden', 'the route is closed at this time'),
  'requirement-unmet': entry(403, 'forbidden', 'a combination of requirements is not met'),

  'session-missing': entry(401, 'login_required', 'the request carries no login session'),
  'session-ended': entry(401, 'login_required', 'the login session is over, or the cookie is none of ours'),
  'session-of-other-issuer': entry(401, 'login_required', 'the login session is one of another issuer'),
  'authentication-insufficient': entry(
    401,
    'insufficient_user_authentication',
    'the person has to show anew, or more strongly, who it is (RFC 9470)',
  ),
  'cross-site': entry(
    403,
    'forbidden',
    'no page of here asks for the change that a cookie is to allow, or another site for a login that nobody sees',
  ),

  // limit-subject
  'rate-limited': entry(429, 'rate_limited', 'a limit of the route has no room; the log line names it'),

  // failures that the client did not cause
  'issuer-unreachable': entry(
    503,
    'unavailable',
    'the issuer cannot be reached, or refuses what the gate itself asks of it',
  ),
  'introspection-unavailable': entry(503, 'unavailable', 'the issuer cannot be asked about the token'),
  'audit-unavailable': entry(503, 'unavailable', 'there is no room for the record that the route must leave'),
  'refresh-unavailable': entry(
    503,
    'unavailable',
    'a session has run out of its access token, and there is no new one yet',
  ),
  'store-unavailable': entry(503, 'unavailable', 'Redis does not answer, or refuses'),
  'node-fault': entry(503, 'unavailable', 'the gate failed; the log line has the cause'),
  'upstream-full': entry(
    503,
    'unavailable',
    'as many calls to the upstream are under way as the node makes, or as one client may hold',
  ),
  'upstream-unreachable': entry(502, 'bad_gateway', 'the upstream could not be reached'),
  'upstream-broken': entry(502, 'bad_gateway', 'the upstream broke off or did not speak HTTP/1.1'),
  'upstream-timeout': entry(504, 'gateway_timeout', 'the upstream did not answer in time'),
  'exchange-timeout': entry(504, 'gateway_timeout', 'the exchange took longer than the total time of the service'),

  // outcomes after the decision, only recorded
  'client-gone': closing(499, 'client_closed', 'the client went away before the end'),
  'trailer-after-body': closing(
    505,
    'http_version_not_supported',
    'bytes followed a chunked body: a trailer that was not announced, or another request. The listener closed the ' +
      'connection; the service may have received the whole body',
  ),
  'node-stopped': closing(503, 'unavailable', 'the node was stopped before the exchange came to its end'),
  'upload-stalled': closing(
    408,
    'request_timeout',
    'the client sent no more of its body, or the listener waited for more than there was: chunk extensions',
  ),
  'reply-broken': closing(502, 'bad_gateway', 'the upstream broke off in mid-body; the reply was ended as broken'),
  'reader-stalled': closing(499, 'client_closed', 'the client stopped reading the reply'),
} as const satisfies Record<string, ReasonEntry>

export type Reason = keyof typeof reasons

/** Reasons to reject a token. All of them give the same 401 `invalid_token`. */
export type TokenReason = Extract<Reason, `token-${string}`>

export const tokenReasons = Object.keys(reasons).filter((name) => name.startsWith('token-')) as TokenReason[]

/** Reasons for which a verification rejects a token. Revocations are checked after it. */
export type VerificationReason = Exclude<TokenReason, 'token-revoked'>

export const verificationReasons = tokenReasons.filter((reason) => reason !== 'token-revoked')
