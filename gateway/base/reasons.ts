/**
 * Outcome reasons of exchanges: the closed vocabulary that the access log, `explain` and the audit record share.
 *
 * The client sees only `code` (RFC 9457 member `code`), never the reason. Rejected tokens therefore look alike to the
 * client, whatever the cause. `close` closes the connection after the reply, because the bytes that follow on the
 * connection might not be a request.
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
  admitted: entry(200, 'admitted', 'the request met every requirement of the route'),

  answered: entry(
    200,
    'answered',
    'the gate replied itself: its keys, resource metadata, a session view, a preflight, or OPTIONS with `Max-Forwards: 0`',
  ),

  // Reasons of the phase `guard-request`: syntax and size of the request.
  'method-unknown': closing(
    400,
    'bad_request',
    'the gate does not know the method; it forwards GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS',
  ),
  'method-refused': closing(405, 'method_not_allowed', 'the gate never forwards CONNECT or TRACE'),
  'target-malformed': closing(
    400,
    'bad_request',
    'the request target does not start with / or contains a byte that is not visible ASCII; the client must percent-encode it',
  ),
  'target-too-long': closing(414, 'uri_too_long', 'the request target is longer than request.target_max'),
  'head-too-large': closing(431, 'head_too_large', 'the request head is larger than request.head_max'),
  'fields-too-many': closing(431, 'head_too_large', 'the request head has more fields than request.fields_max'),
  'connection-members': closing(
    400,
    'bad_request',
    'the Connection fields of the request list more than 32 names in total',
  ),
  'too-many-cookies': closing(431, 'too_many_cookies', 'the request has more than 256 cookies'),
  'field-name': closing(
    400,
    'bad_request',
    'the name of a header field is empty or contains an invalid character (RFC 9110 §5.6.2)',
  ),
  'field-value': closing(
    400,
    'bad_request',
    'the value of a header field contains a control character or a byte that is not valid text',
  ),
  'field-repeated': closing(400, 'bad_request', 'a header field that may occur only once occurs more than once'),
  'field-framing-alias': closing(
    400,
    'bad_request',
    'some servers would read the name of a header field as Content-Length or Transfer-Encoding',
  ),
  'host-malformed': closing(400, 'bad_request', 'Host is not host[:port] (RFC 9110 §7.2)'),
  'framing-length': closing(400, 'bad_request', 'Content-Length is not one decimal number (RFC 9110 §8.6)'),
  'framing-encoding': closing(400, 'bad_request', 'Transfer-Encoding is not exactly chunked (RFC 9112 §6.1)'),
  'framing-both': closing(
    400,
    'bad_request',
    'the request has both Content-Length and Transfer-Encoding (RFC 9112 §6.3)',
  ),
  'trailer-announced': closing(400, 'bad_request', 'the request announces trailers, which the gate does not support'),
  'max-forwards-malformed': closing(
    400,
    'bad_request',
    'Max-Forwards of an OPTIONS request is not one decimal number (RFC 9110 §7.6.2)',
  ),
  'expectation-unknown': closing(417, 'expectation_failed', 'Expect is not 100-continue (RFC 9110 §10.1.1)'),
  'upgrade-malformed': closing(
    400,
    'bad_request',
    'the WebSocket handshake is invalid (RFC 6455 §4.2.1), or the request has a body or more than one Connection field',
  ),
  'upgrade-version': closing(426, 'upgrade_required', 'Sec-WebSocket-Version of the WebSocket handshake is not 13'),
  'upgrade-unsupported': closing(
    501,
    'upgrade_not_supported',
    'the request asks for a WebSocket, but the route does not set websocket, or the request is a forward-auth check',
  ),
  'grpc-unsupported': closing(
    415,
    'grpc_not_supported',
    'the request is gRPC over HTTP/1.1, which has no trailers, or with another method than POST; send gRPC with POST to the HTTP/2 listener (`listen_h2`)',
  ),
  'grpc-timeout-malformed': closing(
    400,
    'invalid_grpc_timeout',
    '`grpc-timeout` of the gRPC call is not one number of 1 to 8 digits with one of the units H, M, S, m, u and n',
  ),
  'grpc-upstream': entry(
    501,
    'grpc_not_implemented',
    'the request is gRPC, and neither its route nor the service states grpc; set match.grpc or grpc: {}, and protocol: h2 or h2c of the service',
  ),
  'grpc-web-unsupported': closing(
    415,
    'grpc_web_not_supported',
    'the request is gRPC-Web over HTTP/2, which the gate does not translate; send it to the HTTP/1.1 listener for a service that speaks gRPC-Web',
  ),
  'length-required': closing(
    411,
    'length_required',
    'the body is chunked and the service has chunked: refuse; the client must send Content-Length',
  ),
  'body-too-large': closing(413, 'body_too_large', 'the body is larger than the route allows'),
  'proxied-address': closing(
    400,
    'bad_request',
    'a PROXY header is missing, or came from a peer that may not send one; check proxies and proxy_protocol',
  ),
  'forwarded-malformed': closing(
    400,
    'bad_request',
    'a listed proxy sent a chain of client addresses, a scheme or a host that is invalid',
  ),
  'certificate-malformed': closing(
    400,
    'bad_request',
    'a listed proxy sent an invalid field with a client certificate, or sent it twice; check client_certificate',
  ),
  'certificate-missing': entry(
    403,
    'certificate_required',
    'the client sent no certificate, and tls.client.mode is required, or the route accepts nothing but certificates',
  ),
  'certificate-untrusted': entry(
    403,
    'certificate_rejected',
    'no CA of tls.client.ca issued the client certificate, or it is a certificate of a CA or of a server',
  ),
  'certificate-expired': entry(
    403,
    'certificate_rejected',
    'the client certificate, or a CA above it, has expired or is not valid yet',
  ),
  'certificate-revoked': entry(
    403,
    'certificate_rejected',
    'a revocation list in tls.client.crl revokes the client certificate or a CA above it',
  ),
  'certificate-status-unknown': entry(
    503,
    'unavailable',
    'tls.client.crl has no list of the CA of the client certificate, or the list is outdated; update the file',
  ),
  'path-dot-segment': closing(400, 'ambiguous_path', 'the path contains a dot segment, plain or percent-encoded'),
  'path-empty-segment': closing(400, 'ambiguous_path', 'the path contains an empty segment (//)'),
  'path-backslash': closing(400, 'ambiguous_path', 'the path contains a backslash, plain or percent-encoded'),
  'path-encoded-slash': closing(
    400,
    'ambiguous_path',
    'the path contains %2f, which the service allows only with encoded_slashes: keep',
  ),
  'path-parameter': closing(
    400,
    'ambiguous_path',
    'the path contains ;, which the service allows only with path_parameters: allow',
  ),
  'path-control': closing(400, 'ambiguous_path', 'the path contains a percent-encoded control character'),
  'path-fragment': closing(
    400,
    'ambiguous_path',
    'the request target contains a fragment (#), which clients must not send',
  ),
  'path-raw-character': closing(
    400,
    'ambiguous_path',
    'the path contains a character that the client must percent-encode (RFC 3986 §2)',
  ),
  'path-escape': closing(400, 'ambiguous_path', 'the path contains a % that does not start a valid escape'),
  'path-utf8': closing(400, 'ambiguous_path', 'the percent-encoded bytes of the path are not valid UTF-8'),

  // Reasons of the phase `read-check`: forward-auth requests of a proxy in front of the gate.
  'check-unlisted': entry(403, 'forbidden', 'check.peers does not list the peer that asks for a forward-auth check'),
  'check-incomplete': entry(
    400,
    'bad_request',
    'the forward-auth check does not state method, target and host of the request; check the fields that the proxy sends',
  ),
  'check-ambiguous': entry(
    400,
    'bad_request',
    "the forward-auth check states more than one request, or two hosts; the proxy must overwrite the client's fields",
  ),
  'check-steered': entry(
    400,
    'bad_request',
    'the forward-auth check carries a field that would change the request or state an identity, and that the proxy would forward; the proxy must remove it',
  ),
  'check-query': entry(400, 'bad_request', 'the URL of the forward-auth check has another query than style=nginx'),
  'check-malformed': entry(
    400,
    'bad_request',
    'the message of the ext_authz check is not a valid CheckRequest of Envoy, or its parts contradict each other',
  ),

  // Reasons of the phase `answer-preflight`: CORS preflights that the gate answers.
  'preflight-refused': entry(403, 'forbidden', 'no route with a CORS policy (cors) allows this origin and method here'),

  // Reasons of the phase `match-route`: requests without a route.
  'route-unknown': entry(404, 'not_found', 'no route matches this path under this host'),
  'method-not-mapped': entry(
    405,
    'method_not_allowed',
    'the most literal path pattern that matches has no route for this method',
  ),
  'host-not-served': closing(
    421,
    'misdirected_request',
    'the TLS certificate of this connection does not cover the requested host',
  ),
  'host-unknown': entry(421, 'misdirected_request', 'every route names a host, and none is the requested host'),

  // Reasons of the phase `check-upgrade`: WebSocket handshakes.
  'origin-refused': entry(
    403,
    'forbidden',
    'Origin of the WebSocket handshake is neither the origin of the requested host nor in websocket.origins, or Origin is missing in a request with a login session',
  ),

  // Reason of the phase `check-address`: the address lists of the route.
  'address-denied': entry(403, 'forbidden', 'the address lists of the route do not permit the client address'),

  // Reasons of the phase `read-credential`: missing, repeated or malformed credentials.
  'credential-missing': entry(
    401,
    'credential_required',
    'the request has no credential that the gate accepts; the client must send a bearer token',
  ),
  'credential-malformed': entry(
    400,
    'invalid_request',
    'the Authorization field does not consist of a scheme and one token',
  ),
  'credential-repeated': entry(400, 'invalid_request', 'the request has more than one credential'),
  'subprotocol-missing': entry(
    400,
    'invalid_request',
    'the client offers its token as a subprotocol and nothing else; it must also offer gatehouse or a subprotocol of the service',
  ),

  // Reasons of the phase `answer-reserved`: replies to browsers during login and logout.
  'login-required': entry(
    303,
    'login_required',
    'the browser has no login session that the route accepts, and is redirected to the login',
  ),
  'login-begun': entry(303, 'login_begun', 'the browser is redirected to the issuer to log in'),
  'login-choice': entry(200, 'login_choice', 'the browser must choose the issuer at which to log in'),
  'logged-in': entry(303, 'logged_in', 'the login succeeded, and the browser is redirected to the requested page'),
  'login-handed-over': entry(
    303,
    'login_handed_over',
    'the browser is logged in at login.host, and is redirected to the host at which its login began',
  ),
  'login-host-refused': entry(
    403,
    'login_failed',
    'this host may not use the login at login.host: login.return_to of the issuer and match.host of a route that requires a session of the issuer must both name this host',
  ),
  'login-done-already': entry(
    303,
    'logged_in',
    'another tab has logged in meanwhile, and the browser is redirected to the requested page',
  ),
  'login-unknown': entry(
    400,
    'login_failed',
    'the login attempt is unknown, expired or already used; the user must log in again',
  ),
  'login-foreign': entry(
    400,
    'login_failed',
    'the login was started in another browser, or the browser did not keep the cookie',
  ),
  'login-reply-malformed': entry(
    400,
    'login_failed',
    'a parameter of the authorization response is missing or occurs more than once',
  ),
  'login-denied': entry(403, 'login_denied', 'the issuer returned an error instead of a login'),
  'login-unproven': entry(
    403,
    'login_failed',
    'the token response or its ID token is invalid, so it does not prove who logged in',
  ),
  'login-misconfigured': entry(
    503,
    'login_failed',
    'the issuer rejects the client of the gate, its redirect URI, scopes or resource; the log line has the cause and the remedy',
  ),
  'login-insufficient': entry(
    403,
    'login_failed',
    'the issuer did not authenticate the user with the requested acr or max_age',
  ),
  'login-logged-out': entry(
    403,
    'login_failed',
    'the issuer has logged out the user, or the session (sid) of the user, since this login started (OpenID Back-Channel Logout)',
  ),
  'login-token-unusable': entry(
    403,
    'login_failed',
    'the access token of the login is bound to a key (DPoP, cnf), or contains characters that a bearer token must not have',
  ),
  'login-too-large': entry(
    403,
    'login_failed',
    'the claims or tokens of the login exceed the maximum size of a session; request fewer scopes or claims',
  ),
  'login-switch-asked': entry(
    200,
    'login_confirmation',
    'the gate shows a page on which the user confirms that a login at another issuer replaces the session',
  ),
  'logout-asked': entry(200, 'logout_confirmation', 'the gate shows a page on which the user confirms the logout'),
  'logged-out': entry(200, 'logged_out', 'the login session has ended'),
  'logout-token': entry(
    400,
    'invalid_request',
    'the request has no valid logout token (OpenID Back-Channel Logout §2.6)',
  ),
  'logout-subject': entry(
    400,
    'invalid_request',
    'the session (sid) in the logout token does not belong to the subject (sub) in the logout token',
  ),
  'logout-replayed': entry(400, 'invalid_request', 'the logout token was already used'),

  // Reason of the phase `admit`, and of the start of a login.
  overloaded: entry(
    503,
    'overloaded',
    'the node is overloaded and sheds requests, of unknown callers and of low priority first; overload in the settings sets the limits',
  ),

  // Reasons of the phase `limit-address`: limits by client address.
  'address-limited': entry(
    429,
    'too_many_requests',
    'the client address has too many failed verifications or calls to issuers; limits.address sets the maximum',
  ),

  // Reasons of the phase `authenticate`: all of them look alike to the client (RFC 6750 §3.1).
  'token-malformed': entry(401, 'invalid_token', 'the token is not a JWS in compact serialization (RFC 7515 §7.1)'),
  'token-too-long': entry(401, 'invalid_token', 'the token is longer than request.token_max'),
  'token-duplicate-member': entry(
    401,
    'invalid_token',
    "a JSON member of the token's header or claims occurs more than once",
  ),
  'token-algorithm': entry(401, 'invalid_token', "the token's alg is not in the list of algorithms of the issuer"),
  'token-critical-header': entry(
    401,
    'invalid_token',
    "the token's header has crit or b64, which are not supported (RFC 7515 §4.1.11)",
  ),
  'token-type': entry(
    401,
    'invalid_token',
    'typ (RFC 9068 §4), token_type or the claims show that the token is not an access token; or the token is a JWT of an issuer whose tokens are opaque',
  ),
  'token-issuer-unknown': entry(401, 'invalid_token', "the token's iss is not an issuer of the policy"),
  'token-issuer-not-accepted': entry(401, 'invalid_token', "the service does not list the token's issuer"),
  'token-key-unknown': entry(401, 'invalid_token', "the issuer's key set has no usable key with the token's kid"),
  'token-signature': entry(401, 'invalid_token', 'the signature of the token is invalid'),
  'token-claims-malformed': entry(401, 'invalid_token', 'a claim of the token has a wrong type or format'),
  'token-audience': entry(
    401,
    'invalid_token',
    "the token's aud contains none of the issuer's audiences in the policy",
  ),
  'token-expired': entry(401, 'invalid_token', 'the token has expired (exp)'),
  'token-not-yet-valid': entry(401, 'invalid_token', 'the token is not valid yet: its nbf or iat is in the future'),
  'token-lifetime': entry(401, 'invalid_token', "the token's exp is missing, or later than max_token_lifetime allows"),
  'token-subject-missing': entry(401, 'invalid_token', 'the token has neither sub nor client_id'),
  'token-binding': entry(
    401,
    'invalid_token',
    'the token is bound to a key (cnf) by a method that the gate does not support, or that the caller cannot prove here',
  ),

  'token-inactive': entry(401, 'invalid_token', 'the issuer reports that the token is not active (RFC 7662 §2.2)'),
  'token-ambiguous': entry(401, 'invalid_token', 'more than one issuer reports that the token is active'),

  // Reasons of the phases `check-revocation` and `check-validity`: revoked or expired credentials.
  'token-revoked': entry(401, 'invalid_token', 'the token, its subject, client or session was revoked'),
  'expired-while-waiting': entry(
    503,
    'unavailable',
    'the token or session was valid on arrival, and expired while the gate waited for Redis, an issuer or an upstream',
  ),
  'revocation-stale': entry(
    503,
    'unavailable',
    'the node has received no revocations for longer than the route allows, or cannot enforce the active policy; check Redis and gatehouse_policy_behind',
  ),

  // Reasons of the phase `prove-possession`: DPoP proofs and certificate-bound tokens.
  'binding-missing': entry(
    401,
    'invalid_token',
    'the client used the scheme DPoP with a token that is not bound to a key (cnf.jkt)',
  ),
  'binding-forwarded': entry(
    403,
    'forbidden',
    'the token is bound to a key, and the service receives the token (credentials: token) but cannot prove possession of the key; set credentials: assertion',
  ),
  'proof-missing': entry(
    401,
    'invalid_token',
    'the token is bound to the key of a DPoP proof, and the request has no proof or does not use the scheme DPoP',
  ),
  'proof-malformed': entry(
    401,
    'invalid_dpop_proof',
    'the DPoP proof is not a valid JWS with typ dpop+jwt, an accepted alg, a public key (jwk) and the claims of RFC 9449 §4.2',
  ),
  'proof-key': entry(401, 'invalid_dpop_proof', 'the key of the DPoP proof is not the key of the token (cnf.jkt)'),
  'proof-signature': entry(401, 'invalid_dpop_proof', 'the signature of the DPoP proof is invalid'),
  'proof-method': entry(401, 'invalid_dpop_proof', 'the DPoP proof is for another method (htm)'),
  'proof-url': entry(
    401,
    'invalid_dpop_proof',
    'the DPoP proof is for another URL (htu); the gate expects an origin of public_url and the path of the request',
  ),
  'proof-token': entry(
    401,
    'invalid_dpop_proof',
    'the ath claim of the DPoP proof is missing or belongs to another token',
  ),
  'proof-time': entry(
    401,
    'invalid_dpop_proof',
    'iat of the DPoP proof differs from the clock of the node by more than dpop.iat_window',
  ),
  'proof-nonce': entry(
    401,
    'use_dpop_nonce',
    'the DPoP proof must have the current nonce of the gate (RFC 9449 §9); its nonce is missing, expired or not from the gate',
  ),

  // Reason of the phase `consume-proof`: a DPoP proof that was used before.
  'proof-replayed': entry(401, 'invalid_dpop_proof', 'the DPoP proof was used before'),

  // Reasons of the phase `authorize`: requirements of the route.
  'dpop-required': entry(401, 'invalid_token', 'the route requires a token that is bound to a key (dpop)'),
  'scope-missing': entry(403, 'insufficient_scope', 'the token lacks a scope that the route requires'),
  'role-missing': entry(403, 'forbidden', 'the subject lacks a role that the route requires'),
  'email-mismatch': entry(
    403,
    'forbidden',
    'the token has no verified e-mail address, or its address is not one that the route admits',
  ),
  'claim-mismatch': entry(403, 'forbidden', 'a claim of the token does not have a value that the route requires'),
  'client-not-allowed': entry(403, 'forbidden', 'the route does not allow the client of the token'),
  'certificate-not-allowed': entry(
    403,
    'forbidden',
    'the route does not admit the client certificate, or the request has no client certificate',
  ),
  'header-mismatch': entry(403, 'forbidden', 'a request header does not have a value that the route requires'),
  'time-outside': entry(403, 'forbidden', 'the route is closed at this time'),
  'requirement-unmet': entry(403, 'forbidden', 'a combination of requirements (any, not) is not met'),

  'session-missing': entry(401, 'login_required', 'the request has no login session'),
  'session-ended': entry(
    401,
    'login_required',
    'the login session has ended, or the cookie is not a valid session cookie',
  ),
  'session-of-other-issuer': entry(
    401,
    'login_required',
    'the login session is of an issuer that the route does not accept',
  ),
  'authentication-insufficient': entry(
    401,
    'insufficient_user_authentication',
    'the route requires a more recent or a stronger authentication of the user (RFC 9470)',
  ),
  'cross-site': entry(
    403,
    'forbidden',
    'cross-site request: a state change authenticated by a cookie must come from a page of the same origin (CSRF)',
  ),

  // Reasons for callers that present a client id and secret (accept: [basic]).
  'client-refused': entry(401, 'invalid_client', 'the issuer rejects the client id or the secret of the caller'),
  'client-not-granted': entry(
    403,
    'forbidden',
    'the issuer grants this client no token with the scopes and the resource in basic of the route or service',
  ),

  // Reason of the phase `limit-subject`: limits by subject, client or session.
  'rate-limited': entry(
    429,
    'rate_limited',
    'a rate limit of the route has no permits left; the log line names the limit',
  ),

  // Reasons of the phase `obtain-credential`: the gate's credential for the service.
  'exchange-refused': entry(
    403,
    'exchange_refused',
    'the caller has no token to exchange, or the issuer refuses to exchange it for a token for the service',
  ),

  // Reasons for failures that the client did not cause.
  'issuer-unreachable': entry(503, 'unavailable', 'the issuer is unreachable, or rejects requests of the gate'),
  'introspection-unavailable': entry(
    503,
    'unavailable',
    "the issuer's introspection endpoint is unavailable, so the token cannot be validated",
  ),
  'exchange-misconfigured': entry(
    502,
    'exchange_misconfigured',
    'the gate cannot get a token as the policy sets it: the issuer rejects the gate or the requested token, or the token cannot be used; the log line has the cause',
  ),
  'audit-unavailable': entry(
    503,
    'unavailable',
    'the route requires an audit record (audit: closed), and the audit buffer is full; check Redis and the disk',
  ),
  'refresh-unavailable': entry(
    503,
    'unavailable',
    'the access token or the claims of the session are too old, and the issuer cannot renew them now',
  ),
  'store-unavailable': entry(503, 'unavailable', 'Redis is unavailable, or rejects a command'),
  'upstream-credential-unavailable': entry(
    503,
    'unavailable',
    'the gate has no valid token for the service, and cannot get a token from the issuer or from Redis now; nothing was sent to the service',
  ),
  'upstream-credential-misconfigured': entry(
    502,
    'bad_gateway',
    "the issuer refuses the gate's client for the service, or grants an unusable token; check credentials of the service",
  ),
  'node-fault': entry(503, 'unavailable', 'the gate failed internally; the log line has the cause'),
  'upstream-full': entry(
    503,
    'unavailable',
    'the upstream takes no more calls: max_calls or the adaptive limit are in progress, this client has its full share of them, or the service refused the call on each HTTP/2 session',
  ),
  'upstream-unreachable': entry(502, 'bad_gateway', 'the gate cannot connect to the upstream'),
  'upstream-certificate': entry(
    502,
    'bad_gateway',
    'the certificate of the upstream is not trusted, has expired, or is not valid for its name; the log line has the certificate and the remedy',
  ),
  'upstream-handshake': entry(
    502,
    'bad_gateway',
    'the TLS or HTTP/2 handshake with the upstream failed: the upstream did not accept the client certificate of the gate, allows no common TLS version, or does not speak TLS or HTTP/2',
  ),
  'upstream-credential-refused': entry(
    502,
    'upstream_credential_refused',
    "the service rejects the gate's credential with 401, also after the renewal of a credential that the gate can renew; the client's own credential is valid",
  ),
  'upstream-broken': entry(
    502,
    'bad_gateway',
    'the upstream closed the connection early, or its response is not valid HTTP or WebSocket',
  ),
  'upstream-timeout': entry(
    504,
    'gateway_timeout',
    'the upstream sent no response head within timeouts.first_byte, or its response body stalled for timeouts.idle',
  ),
  'exchange-timeout': entry(
    504,
    'gateway_timeout',
    'the exchange took longer than timeouts.total of the route, or the gRPC call longer than its grpc-timeout',
  ),

  // Reasons for outcomes after the decision; recorded in log and audit, usually not sent to the client.
  'client-gone': closing(499, 'client_closed', 'the client disconnected before the end of the exchange'),
  'trailer-after-body': closing(
    505,
    'http_version_not_supported',
    'bytes followed a chunked body: an unannounced trailer or another request; the listener closed the connection, and the service may have received the whole body',
  ),
  'trailers-too-large': closing(
    431,
    'head_too_large',
    'the trailers behind the request body are larger than request.head_max, or more than request.fields_max',
  ),
  'node-stopped': closing(503, 'unavailable', 'the node stopped before the exchange ended'),
  'upload-stalled': closing(
    408,
    'request_timeout',
    'the client stopped sending its body, or its chunk extensions made the listener wait for bytes that never came',
  ),
  'reply-broken': closing(
    502,
    'bad_gateway',
    'the upstream failed during the response body, and the client received a truncated response',
  ),
  'stream-ended': closing(
    401,
    'unauthorized',
    'the token or session that admitted the exchange ended during the reply or upload; the record names the cause',
  ),
  'streams-full': entry(
    503,
    'unavailable',
    'the WebSockets and event streams of the node or of the route reached streams.max; the log line names the route',
  ),
  'stream-limited': entry(
    429,
    'too_many_streams',
    'the client address reached streams.max_per_address, or the subject reached streams.max_per_subject of the route',
  ),
  'stream-ended-by-operator': closing(
    503,
    'unavailable',
    'an operator ended the stream with gatehouse streams end; nothing was revoked, and the client may connect again',
  ),
  'stream-max-age': closing(
    408,
    'request_timeout',
    'the reply or upload lasted longer than streams.max_age of the route',
  ),
  'stream-idle': closing(
    408,
    'request_timeout',
    'no message was sent on the WebSocket, or the service sent nothing on the event stream, for the time streams.idle of the route',
  ),
  'reader-stalled': closing(499, 'client_closed', 'the client stopped reading the response'),
  'message-too-large': closing(
    413,
    'message_too_large',
    'the client sent a WebSocket message above websocket.max_message, and the gate closed the WebSocket with 1009; or a gRPC message above grpc.max_message',
  ),
  'service-stalled': closing(
    504,
    'gateway_timeout',
    'the service stopped reading WebSocket messages; the gate closed the WebSocket with 1013',
  ),
} as const satisfies Record<string, ReasonEntry>

export type Reason = keyof typeof reasons

/** Reasons to refuse a caller that presents a client id and secret. */
export type ClientReason = Extract<Reason, `client-${'refused' | 'not-granted'}`>

/** Reasons to reject a token. All of these reasons give the same reply: 401 `invalid_token`. */
export type TokenReason = Extract<Reason, `token-${string}`>

export const tokenReasons = Object.keys(reasons).filter((name) => name.startsWith('token-')) as TokenReason[]

/** Reasons for which the verification of a token rejects the token. Revocations are checked after the verification. */
export type VerificationReason = Exclude<TokenReason, 'token-revoked'>

export const verificationReasons = tokenReasons.filter((reason) => reason !== 'token-revoked')

/** Reasons for which a client certificate is not accepted, whatever the route. */
export const certificateReasons = [
  'certificate-untrusted',
  'certificate-expired',
  'certificate-revoked',
  'certificate-status-unknown',
] as const satisfies readonly Reason[]

export type CertificateReason = (typeof certificateReasons)[number]
