/** One mutation: a check of the gate is removed. `find` must occur exactly once in the file and is replaced. */
export interface Mutation {
  /** The fault that the mutation causes. */
  readonly what: string
  /** Path of the mutated file, relative to gateway/. */
  readonly file: string
  readonly find: string
  readonly replace: string
  /** Test files of which at least one must fail. Default: the unit and regression tests of the data plane. */
  readonly tests?: readonly string[]
}

const guard = 'pipeline/phases/guard-request.ts'

function inFile(
  file: string,
  mutations: Readonly<Record<string, readonly [find: string, replace: string]>>,
  tests?: readonly string[],
): Mutation[] {
  return Object.entries(mutations).map(([what, [find, replace]]) => ({
    what,
    file,
    find,
    replace,
    ...(tests && { tests }),
  }))
}

const tick = ['test/cluster/revocation.test.ts']
const streams = ['test/cluster/streams.test.ts', 'test/unit/streams/stream-registry.test.ts']
const outages = ['test/cluster/outages.test.ts']

const clientCertificates = ['test/integration/client-certificates.test.ts']

const owners = ['test/integration/policy-owners.test.ts', 'test/unit/policy/owner-refusals.test.ts']

const waiting = ['test/regression/revoked-while-waiting.test.ts']

const sessionStore = ['test/unit/sessions']
const sharedLogin = ['test/regression/shared-login', 'test/integration/shared-login.test.ts']
const sessionsShared = ['test/cluster/sessions.test.ts']

/**
 * Mutations of every check of guard-request and its dependencies, of revocation receipts, sessions and upstream
 * replies.
 */
export const mutations: readonly Mutation[] = [
  ...inFile(
    'admin/required-scope.ts',
    {
      'the owner of a service changes another service': [
        'isOwner(caller, serviceOf?.(body))) return',
        'ownsServices(caller)) return',
      ],
      'the grant of an owner is not checked': [
        "!hasScope(caller, 'gatehouse:policy') && isOwner(caller, service)",
        'false && isOwner(caller, service)',
      ],
    },
    owners,
  ),
  ...inFile(
    'policy/owners/owner-refusals.ts',
    {
      'an owner uses any secret of the gate': [
        'if (isGranted || isUsedAsBefore(secret, before)) return []',
        'return []',
      ],
      'an owner adds a relaxation': ["...added.map((each) => refusal(each, 'adds'))", '...[]'],
      'an owner takes requests of another service': [
        '    ...effectsOnOthers(difference, before, after, service),\n',
        '',
      ],
    },
    owners,
  ),
  ...inFile(
    'policy/owners/upstream-refusals.ts',
    {
      'an owner uses any upstream': ['!known.has(origin)', 'false'],
      'an owner rewrites to paths of another service': ['rewrite !== undefined && (', 'false && ('],
    },
    owners,
  ),
  ...inFile(
    'policy/owners/issuer-clients.ts',
    { 'an owner gets the tokens of another service': ['if (isClient) return', 'if (false) return'] },
    owners,
  ),
  ...inFile(
    'cluster/cluster.ts',
    {
      'a node acknowledges a revocation before it applies it': [
        '        this.#apply(event, work)\n',
        '        setTimeout(() => this.#apply(event, []), 5)\n',
      ],
    },
    tick,
  ),
  ...inFile(
    'cluster/cluster.ts',
    {
      'freshness is measured from the reply instead of the request': [
        'this.freshness.recordRead(sentAt, sentWallMs, boundMs)',
        'this.freshness.recordRead(performance.now(), Date.now(), boundMs)',
      ],
      'a new epoch is not detected': ['if (!this.#epoch.isKnown(epoch) || there === 0) {', 'if (false) {'],
    },
    outages,
  ),
  ...inFile(
    'streams/stream-registry.ts',
    {
      'a revocation does not end streams': ['(entry) => found.push(entry))', '() => {})'],
      'an order to end streams ends none': ['        entry.ordered = true\n', ''],
      'streams are not checked while nothing is relayed': ["() => this.#checkAll('routine'))", '() => {})'],
    },
    streams,
  ),
  ...inFile(
    'pipeline/exchange/relayed-stream.ts',
    {
      'a part of a reply is relayed without a check': ['if (this.#watch.mayRelay()) return', 'if (!this.#held) return'],
    },
    streams,
  ),
  ...inFile(
    'pipeline/identity/revocation-verdict.ts',
    {
      'staleness is not checked': [
        'return revocations.stale(route.revocationStaleMs) ? revocationStale : undefined',
        'return undefined',
      ],
    },
    outages,
  ),
  ...inFile(
    'pipeline/identity/validity-verdict.ts',
    {
      'revocation is not checked again': ['const revoked = revocationVerdict(x)', 'const revoked = undefined'],
      'expiry is not checked again': ['x.nowMs >= refusedFromMs(facts)', 'false'],
    },
    ['test/unit/pipeline/check-validity.test.ts'],
  ),
  ...inFile(
    'pipeline/phases/forward.ts',
    {
      'validity is not checked on a new connection': [
        '  onOpen(): void {\n    this.isValid()',
        '  onOpen(): void {\n    this',
      ],
      'validity is not checked before a retry': ['if (x.settled || !this.isValid()) return\n    x.target', 'x.target'],
      'validity is not checked before a WebSocket opens': [
        'if (!this.isValid()) return\n    const relay',
        'const relay',
      ],
    },
    waiting,
  ),
  ...inFile(
    'pipeline/exchange/retry.ts',
    {
      'a request that the service may execute twice is sent again': ['(wasSent && !mayRepeat(x))', 'false'],
      'retries have no budget': ['!isFree && !budget.allows(now, rules.budget)', 'false'],
      'Retry-After is ignored': ['Math.max(backOffMs(x.attempts), statedWaitMs(head))', 'backOffMs(x.attempts)'],
    },
    ['test/integration/retries.test.ts'],
  ),
  ...inFile(
    'pipeline/exchange/retry.ts',
    {
      'a request is sent again after the renewal of its credential': [
        ' || x.retryState?.isCredentialReplaced === true) return undefined',
        ') return undefined',
      ],
    },
    ['test/integration/refused-credential.test.ts'],
  ),
  ...inFile(
    'pipeline/websocket/websocket-relay.ts',
    {
      'a message to the service is relayed without a check': [
        'return !this.#full && this.#watch.mayRelay()',
        'return !this.#full',
      ],
      'a message to the client is relayed without a check': [
        '  mayRelay(): boolean {\n    return this.#watch.mayRelay()',
        '  mayRelay(): boolean {\n    return true',
      ],
    },
    ['test/cluster/websocket.test.ts'],
  ),
  ...inFile(
    'revocation/revocations.ts',
    {
      'a joining node reads only the log, not the stored revocations': [
        '      this.#replica.apply(records)\n    }',
        '    }',
      ],
      'a revocation lookup is cached for ever': ['seen === this.#replica.changes &&', 'seen !== 0 &&'],
    },
    tick,
  ),
  ...inFile('pipeline/exchange/request-line.ts', {
    'an unknown method is accepted': ['if (!methods.has(method)) return', 'if (false) return'],
    'CONNECT and TRACE are treated as unknown methods': ["method === 'CONNECT' || method === 'TRACE'", 'false'],
    'a target of any length is accepted': ['length > limits.targetMaxBytes', 'false'],
    'the query is not part of the target length': ['target.length + (query?.length ?? 0)', 'target.length'],
    'a query with any byte is accepted': ['query !== undefined && !visibleAscii.test(query)', 'false'],
  }),
  ...inFile(guard, {
    'any number of fields is accepted': ['if (names.length > limits.fieldsMax) return', 'if (false) return'],
    'any number of Connection members is accepted': [
      'if (members > CONNECTION_MEMBERS_MAX) return',
      'if (false) return',
    ],
    'any number of cookies is accepted': ['if (cookies > COOKIES_MAX) return', 'if (false) return'],
    'a head of any size is accepted': ['exact > limits.headMaxBytes', 'false'],
    'head size counts characters as bytes': [
      'bytes * CHARACTER_MAX_BYTES > limits.headMaxBytes',
      'bytes > limits.headMaxBytes',
    ],
    'head size ignores names': ['bytes += name.length + value.length + 4', 'bytes += value.length'],
    'a field name of any form is accepted': [
      'if (kind === undefined) return refusals.fieldName',
      'if (kind === undefined) continue',
    ],
    'a field value of any form is accepted': [
      'flaw.test(value)) return refusals.fieldValue',
      'false) return refusals.fieldValue',
    ],
    'U+FFFD in a value is accepted': ['/[\\ufffd\\x7f', '/[\\x7f'],
    '0x7f in a value is accepted': ['/[\\ufffd\\x7f\\x00', '/[\\ufffd\\x00'],
    'an alias of a framing field is accepted': ['if (kind === FieldKind.framingAlias) return', 'if (false) return'],
    'duplicate fields are not detected': ['const repeated = (seen & (1 << kind)) !== 0', 'const repeated = false'],
    'a duplicate single-value field is accepted': ['if (repeated) return refusals.fieldRepeated', ''],
    'two Authorization fields are accepted': ['if (repeated) return refusals.credentialRepeated', ''],
    'two DPoP fields are accepted': ['return repeated ? refusals.credentialRepeated : undefined', 'return undefined'],
    'the last of two request ids is used': ['head.requestId = repeated ? undefined : value', 'head.requestId = value'],
    'the last of two traceparent fields is used': [
      'head.traceparent = repeated ? undefined : value',
      'head.traceparent = value',
    ],
    'only the last Via is kept': ['head.via = repeated ?', 'head.via = false ?'],
    'a Host of any form is accepted': [
      'return isHost(head.host) ? undefined : refusals.hostMalformed',
      'return undefined',
    ],
    'an announced trailer is accepted': ['return refusals.trailerAnnounced', 'return undefined'],
    'a Content-Length of any form is accepted': [
      '!decimal.test(value) || !Number.isSafeInteger(Number(value))',
      'false',
    ],
    'a Content-Length beyond 2^53 is accepted': ['|| !Number.isSafeInteger(Number(value))', ''],
    'leading zeros in Content-Length are accepted': ['(?:0|[1-9][0-9]{0,15})$/', '[0-9]{1,16}$/'],
    'any Transfer-Encoding is accepted': ['if (!chunked.test(value)) return refusals.framingEncoding', ''],
    'a Transfer-Encoding that contains chunked is accepted': ['/^chunked$/i', '/chunked/i'],
    'a Transfer-Encoding that ends in chunked is accepted': ['/^chunked$/i', '/chunked$/i'],
    'a Transfer-Encoding that starts with chunked is accepted': ['/^chunked$/i', '/^chunked/i'],
    'letters that JavaScript lower-cases to ASCII are accepted in chunked': [
      '!chunked.test(value)',
      "value.toLowerCase() !== 'chunked'",
    ],
    'only lower-case chunked is accepted': ['/^chunked$/i', '/^chunked$/'],
    'gRPC is accepted': ['if (!head.grpc || (head', 'if (head !== undefined || (head'],
    'any expectation is accepted': ["value.toLowerCase() === '100-continue' ? undefined :", 'true ? undefined :'],
    'every expectation is rejected': ["value.toLowerCase() === '100-continue' ? undefined :", ''],
    'a handshake is an ordinary request': ["head.upgrade = value.toLowerCase() === 'websocket'", ''],
    'a connection stays open after a refused handshake': ['head.chunked || head.upgrade', 'head.chunked'],
    'both framings together are accepted': [
      'return head.chunked && head.contentLength !== undefined ? refusals.framingBoth',
      'return false ? refusals.framingBoth',
    ],
    'the target is not normalized': [
      'const path = isAsterisk(head) ? head.target : normalizePath(head.target)',
      'const path: string | Denial = head.target',
    ],
    'the Host is not normalized': ['x.host = hostName(head.host)', 'x.host = head.host'],
    'a request id of any form is continued': [
      'head.requestId !== undefined && wellFormedRequestId(head.requestId)',
      'head.requestId !== undefined',
    ],
    'no request id is continued': ['head.requestId !== undefined && wellFormedRequestId(head.requestId)', 'false'],
    'a rejected request keeps its connection open': ['      x.close = true\n', ''],
    'a chunked upload keeps its connection open': ['x.close = head.close || head.chunked', 'x.close = head.close'],
    'Connection: close of a client is ignored': ['x.close = head.close || head.chunked', 'x.close = head.chunked'],
    'names in Connection are ignored': ['head.connectionNames.add(option)', ''],
    'names in Connection are case-sensitive': [
      'trimOptionalWhitespace(part).toLowerCase()',
      'trimOptionalWhitespace(part)',
    ],
    'a request id named in Connection is continued': ["if (names.has('x-request-id')) head.requestId = undefined", ''],
    'a traceparent named in Connection is continued': [
      "if (names.has('traceparent')) head.traceparent = undefined",
      '',
    ],
    'a Via named in Connection is kept': ["if (names.has('via')) head.via = undefined", ''],
  }),
  ...inFile('pipeline/exchange/host.ts', {
    'an IPv6 address of any form is accepted': ['return value.charCodeAt(0) !== 0x5b ||', 'return true ||'],
    'a Host with trailing text is accepted': ['(?::[0-9]{0,5})?$/i', '(?::[0-9]{0,5})?/i'],
    'a Host with leading text is accepted': ['/^(?:[a-z0-9._~-]+|', '/(?:[a-z0-9._~-]+|'],
    'a final dot in Host is kept': ["name.endsWith('.') ? name.slice(0, -1) : name", 'name'],
    'Host is case-sensitive': [' : name).toLowerCase()', ' : name)'],
  }),
  ...inFile('policy/path-form.ts', {
    'empty segments are accepted': ["if (emptySegment.test(path)) return refusals['path-empty-segment']", ''],
    'dot segments are accepted': ["if (dotSegment.test(path)) return refusals['path-dot-segment']", ''],
    'dot segments before ; are accepted': ['(?:[/;]|%2F|%3B|$)/', '(?:[/]|%2F|%3B|$)/'],
    'dot segments after %2F are accepted': ['const dotSegment = /(?:\\/|%2F)', 'const dotSegment = /(?:\\/)'],
    'an empty segment before ; is accepted': ['/\\/[/;]/', '/\\/\\//'],
    'a malformed escape is accepted': [
      "if (byte === undefined) return refusals['path-escape']",
      'if (byte === undefined) { path += char; continue }',
    ],
    'escaped control characters are accepted': [
      "if (byte < 0x20 || byte === 0x7f) return refusals['path-control']",
      '',
    ],
    'an escaped backslash is accepted': ["if (byte === 0x5c) return refusals['path-backslash']", ''],
    'invalid UTF-8 is accepted': [
      "if (length === 0) return refusals['path-utf8']",
      'if (length === 0) { path += raw.slice(i, i + 3); i += 2; continue }',
    ],
    'overlong UTF-8 of two bytes is accepted': ['lead < 0xc2 ? 0 :', 'lead < 0xc0 ? 0 :'],
    'overlong UTF-8 of three bytes is accepted': ['(lead === 0xe0 && byte < 0xa0) ||', ''],
    'surrogates in UTF-8 are accepted': ['|| (lead === 0xed && byte > 0x9f)', ''],
    'overlong UTF-8 of four bytes is accepted': ['(lead === 0xf0 && byte < 0x90) ||', ''],
    'code points beyond U+10FFFF are accepted': ['|| (lead === 0xf4 && byte > 0x8f)', ''],
    'escaped letters are not decoded': ['unreserved.test(decoded) ? decoded :', 'false ? decoded :'],
    'every escape is decoded': ['unreserved.test(decoded) ? decoded :', 'true ? decoded :'],
    'escapes are not upper-cased': ['raw.slice(i, i + 3).toUpperCase()\n    i += 2', 'raw.slice(i, i + 3)\n    i += 2'],
    'a fragment is accepted': ["if (char === '#') return 'path-fragment'", ''],
    'a raw backslash is accepted': ["if (char === '\\\\') return 'path-backslash'", ''],
    'raw characters are accepted': [
      "return '<>\"{}^`?'.includes(char) ? 'path-raw-character' : undefined",
      'return undefined',
    ],
    'raw bytes are accepted': ["if (char < '!' || char > '~') return 'target-malformed'", ''],
    'escaped slashes are accepted': [
      "if (service?.encodedSlashes !== 'keep' && path.includes('%2F')) return",
      'if (false) return',
    ],
    'path parameters are accepted': [
      "if (service?.pathParameters !== 'allow' && path.includes(';')) return",
      'if (false) return',
    ],
  }),
  ...inFile('pipeline/phases/match-route.ts', {
    'a path is not checked by the rules of its service': [
      'return refusedBy(found.service, x.path)',
      'return undefined',
    ],
  }),
  ...inFile('policy/path-trie.ts', {
    'a less specific route matches other methods': ['byMethod.size === 0 || fallThrough ?', 'true ?'],
  }),
  ...inFile('pipeline/exchange/find-route.ts', {
    'a path without a service is not checked': ['(refusedBy(undefined, path) ?? found)', 'found'],
  }),
  ...inFile('base/statement-fields.ts', {
    'X-Gatehouse-*': ["['x-gatehouse-', ", '['],
    'X-Auth-Request-*': ["'x-auth-request-', ", ''],
    'X-Forwarded-*': ["'x-forwarded-', ", ''],
    'X-Envoy-*': ["['x-envoy-', ", '['],
    'Proxy-*': ["'proxy-', ", ''],
    Forwarded: ["['forwarded', ", '['],
    'X-Original-URL': ["'x-original-url', ", ''],
    'X-HTTP-Method-Override': ["'x-http-method-override', ", ''],
    'X-HTTP-Method': ["'x-http-method', ", ''],
    'X-Method-Override': [", 'x-method-override']", ']'],
    'True-Client-IP': ["  'true-client-ip',\n", ''],
    'X-Real-IP': ["  'x-real-ip',\n", ''],
    'Remote-User': ["  'remote-user',\n", ''],
    'X-SSL-*': ["  'x-ssl-',\n", ''],
    'every field passes as if in pass_headers': ['return passable.has(name) ||', 'return true ||'],
  }),
  ...inFile('pipeline/exchange/field-kind.ts', {
    'aliases of reserved fields are not removed': [
      "if (isDropped(folded) || folded === 'x-request-id') return FieldKind.dropped",
      '',
    ],
    'aliases of X-Request-Id are not removed': ["isDropped(folded) || folded === 'x-request-id'", 'isDropped(folded)'],
    'Keep-Alive': ["'keep-alive', ", ''],
    TE: ["'te', ", ''],
    Proxy: [", 'proxy'", ''],
  }),
  ...inFile('pipeline/phases/shape-request.ts', {
    'fields named in Connection are forwarded': ['if (connectionNames?.has(name)) continue', ''],
    'pass_headers passes fields that it does not name': ['if (passHeaders?.has(name) !== true) continue', ''],
    'a tracestate of any size is forwarded': ['x.continuesTrace && keepsTracestate(tracestate)', 'x.continuesTrace'],
    'tracestate is forwarded without a continued trace': [
      'x.continuesTrace && keepsTracestate(tracestate)',
      'keepsTracestate(tracestate)',
    ],
    'baggage of any size is forwarded': [
      'x.route.service.trustTrace && keepsBaggage(baggage)',
      'x.route.service.trustTrace',
    ],
    'baggage of untrusted clients is forwarded': [
      'x.route.service.trustTrace && keepsBaggage(baggage)',
      'keepsBaggage(baggage)',
    ],
    'Client-Cert of an untrusted peer is forwarded': ['if (!x.peerTrusted || !', 'if (!'],
    'non-ASCII characters are sent without UTF-8 encoding': [
      "aboveAscii.test(value) ? Buffer.from(value).toString('latin1') : value",
      'value',
    ],
  }),
  ...inFile(
    'pipeline/phases/check-certificate.ts',
    {
      'mode: required admits a connection without a certificate': [
        'return certificates.required ? certificateMissing : undefined',
        'return undefined',
      ],
      'the certificate of a proxy identifies its clients': [
        'if (!x.peerTrusted) x.clientCertificate = known',
        'x.clientCertificate = known',
      ],
      'the certificate of a connection is not checked for each request': [
        'const refused = certificates.check(known, x.nowMs, handshake.trust)',
        'const refused = certificates.check(known, 0, handshake.trust) && undefined',
      ],
    },
    clientCertificates,
  ),
  ...inFile(
    'pipeline/identity/certificate-method.ts',
    {
      'a certificate-bound token is admitted without its certificate': [
        'clientCertificate?.thumbprint === expected',
        'expected !== undefined',
      ],
    },
    clientCertificates,
  ),
  ...inFile(
    'pipeline/phases/authorize.ts',
    {
      'a certificate is admitted that no requirement names': [
        'if (!isAdmittedCertificate(x, route.certificates))',
        'if (false)',
      ],
    },
    clientCertificates,
  ),
  ...inFile(
    'x509/client-trust.ts',
    {
      'a revoked certificate is accepted': ['climb.revoked ||= list', 'climb.revoked &&= list'],
      'a revocation list of a stranger is accepted': [
        'if (foreign !== undefined) throw',
        'if (foreign === null) throw',
      ],
      'a certificate of a foreign CA is trusted': [
        'return child.checkIssued(issuer) && child.verify(key)',
        'return child.checkIssued(issuer)',
      ],
    },
    ['test/unit/x509'],
  ),
  ...inFile('policy/claim-at.ts', {
    'inherited properties are read as claims': ['if (!Object.hasOwn(value, segment)) return undefined', ''],
  }),
  ...inFile('pipeline/phases/read-check.ts', {
    'a client states the user of a forward-auth check': [
      'if (mapped && forgesIdentity(x.head.names, identityFields)) return false',
      '',
    ],
  }),
  ...inFile(
    'pipeline/phases/check-upgrade.ts',
    { 'a forward-auth check ignores the origin of a WebSocket': [': checkedOrigin(x)', ': undefined'] },
    ['test/integration/login-check.test.ts'],
  ),
  ...inFile('pipeline/forward-auth/stated-identity.ts', {
    'line breaks in claims are forwarded': ["value !== '' && fieldText.test(value)", "value !== ''"],
    'white space at the ends of claims is forwarded': ['&& value === value.trim()', ''],
    'lone surrogates in claims are forwarded': ['&& value.isWellFormed()', ''],
  }),
  ...inFile('pipeline/exchange/trace-context.ts', {
    'a traceparent of any form is continued': ['given !== undefined && continuesTrace(given)', 'given !== undefined'],
    'the sampled flag of an untrusted peer is obeyed at once': [
      'if (x.peerTrusted) sampleContinued',
      'if (x.peerTrusted || true) sampleContinued',
    ],
    'the trace of an untrusted client is continued': [
      'x.continuesTrace = trusted && given',
      'x.continuesTrace = given',
    ],
  }),
  ...inFile('pipeline/phases/shape-response.ts', {
    'hop-by-hop fields of replies are relayed': ['if (isDropped(head, i) || (shares', 'if ((shares'],
    'Clear-Site-Data of a service can delete the cookies of the gate': [
      '/cookies|\\*/i.test(type)',
      '/\\*/.test(type)',
    ],
    'X-Gatehouse-* of replies is relayed': [
      "if (length >= 12 && head.nameStartsWith(i, 'x-gatehouse-')) return true",
      '',
    ],
    'reply fields named in Connection are relayed': [' || named?.has(head.name(i)) === true', ''],
  }),
  ...inFile('pipeline/phases/resolve-client.ts', {
    'a PROXY header of an untrusted peer is accepted': [
      'if (proxies === undefined) return proxied === undefined ? undefined : proxiedAddress',
      'if (proxies === undefined) return undefined',
    ],
  }),
  ...inFile('upstream/reply-parser.ts', {
    'a reply field name of any form is accepted': [
      'if (bytes[at] !== COLON || at === nameFrom) throw',
      'if (false) throw',
    ],
    'an empty reply field name is accepted': [' || at === nameFrom) throw', ') throw'],
    'a control character in a reply is accepted': ['(byte >= SPACE && byte !== 0x7f)', '(byte !== CR && byte !== LF)'],
    'a bare CR in a reply is accepted': ['if (bytes[at + 1] !== LF) throw', 'if (false) throw'],
  }),
  ...inFile('upstream/reply-framing.ts', {
    'two Content-Length fields in a reply are accepted': [
      "if (this.contentLength !== undefined) throw new MalformedReply('the reply has two",
      "if (false) throw new MalformedReply('the reply has two",
    ],
    'a non-numeric Content-Length of a reply is accepted': ['if (digit < 0 || digit > 9) throw', 'if (false) throw'],
    'an empty Content-Length of a reply is accepted': ['if (from === to) throw', 'if (false) throw'],
    'a Content-Length of a reply beyond 2^53 is accepted': [
      'if (length > Number.MAX_SAFE_INTEGER) throw',
      'if (false) throw',
    ],
    'any Transfer-Encoding of a reply is accepted': [
      "if (!isWhole(bytes, valueFrom, valueTo, 'chunked'))",
      'if (false)',
    ],
    'two Transfer-Encoding fields in a reply are accepted': ['if (this.chunked) throw', 'if (false) throw'],
    'both framings in a reply are accepted': ['if (this.contentLength !== undefined)\n', 'if (false)\n'],
  }),
  ...inFile('upstream/connection.ts', {
    'a connection with surplus bytes after a reply is reused': [
      'this.#persistent && !surplus && this.#sent',
      'this.#persistent && this.#sent',
    ],
    'a connection that the service closes is reused': [
      'const reusable = this.#persistent && !surplus',
      'const reusable = !surplus',
    ],
    'a body is read in a reply that cannot have one': ['call.bodyless || status === 204 || status === 304 ||', ''],
    '101 Switching Protocols is accepted without a requested upgrade': [
      'if (status === 101) {',
      'if (status === 101 && call.upgrade === undefined) continue\n      if (status === 101) {',
    ],
  }),
  ...inFile('upstream/chunked-body.ts', {
    'wrong bytes after a chunk are accepted': ['if (byte !== expected) throw', 'if (false) throw'],
  }),
  ...inFile('pipeline/exchange/driver.ts', {
    'a rejected request continues after its verification': [
      'x.aborted || x.settled ? undefined : advance',
      'x.aborted ? undefined : advance',
    ],
  }),
  ...inFile('upstream/reply-head.ts', {
    'any reason phrase is relayed': ['if (!this.#hasPlainPhrase()) return', 'if (false) return'],
  }),
  ...inFile('http/own-reply.ts', {
    'a rejection is sent at once, in the tick of the handler': [
      'if (close) setImmediate(send)\n  else send()',
      'send()',
    ],
  }),
  ...inFile(
    'sessions/begin-refresh.lua',
    {
      'two nodes refresh a session at once': [
        "if s[3] and tonumber(s[3]) > now then return { 'wait'",
        "if false then return { 'wait'",
      ],
      'the owner of an expired lease is forgotten': ['fence, s[3] and 1 or 0 }', 'fence, 0 }'],
      'a failed refresh is retried at once': ['if s[5] and tonumber(s[5]) > now then', 'if false then'],
    },
    sessionStore,
  ),
  ...inFile(
    'sessions/end-refresh.lua',
    {
      'a superseded refresh overwrites a later one': [
        "if tonumber(s[1]) > tonumber(ARGV[2]) then return 'superseded' end",
        '',
      ],
      'a node without the lease can record a failure': [
        "if s[2] ~= ARGV[1] or not s[3] then return 'superseded' end",
        '',
      ],
      'tokens of a refresh whose lease expired are lost': [
        "if ARGV[3] ~= '' then\n",
        "if ARGV[3] ~= '' and s[2] == ARGV[1] then\n",
      ],
      'a refresh recreates an ended session': ["if not s[1] then return 'gone' end", "if not s[1] then s[1] = '0' end"],
    },
    sessionStore,
  ),
  ...inFile(
    'sessions/renew-refresh.lua',
    {
      'a lost lease is renewed': ['if s[1] ~= ARGV[1] or not s[2] then return 0 end', 'if not s[2] then return 0 end'],
    },
    sessionStore,
  ),
  ...inFile(
    'sessions/use-session.lua',
    { 'a session outlives its absolute end': ['math.min(tonumber(s[3]), s[4] - now)', 'tonumber(s[3])'] },
    sessionStore,
  ),
  ...inFile(
    'sessions/session-store.ts',
    {
      'a session record opens under another session id': [
        `\`\${this.#keys.session(id)} \${version}\``,
        'String(version)',
      ],
      'a session record opens as another version': [
        `\`\${this.#keys.session(id)} \${version}\``,
        'this.#keys.session(id)',
      ],
    },
    sessionStore,
  ),
  ...inFile(
    'sessions/session-cookie.ts',
    { 'the last of several session cookies is used': ['      if (value !== undefined) return undefined\n', ''] },
    sessionStore,
  ),
  ...inFile(
    'sessions/sessions.ts',
    {
      'an ended session stays in memory': [
        'if (nowMs >= session.endsAtS * 1000 || this.#dependencies.ended(session)) {',
        'if (nowMs >= session.endsAtS * 1000) {',
      ],
      'a replaced session is not ended': ["    await this.end({ session: id }, 'replaced')\n", ''],
      'a valid session fails while the issuer is unreachable': [
        'if (Date.now() < session.tokens.accessExpiresAtS! * 1000) return session\n',
        '\n',
      ],
    },
    sessionsShared,
  ),
  ...inFile(
    'login/host-logins.ts',
    {
      'a code is redeemed in any browser': ['browserOf(each) === handed.browser', 'browserOf(each) !== undefined'],
      'a login request is used twice': [
        'if (!(await redemptions.redeem(request, HAND_OVER_REQUEST_MS + ATTEMPT_MS))) {',
        'if (false) {',
      ],
      'a login begins at a host that the policy does not name': [
        'origin === undefined || !request.sharesLogin(rules, requested)',
        'origin === undefined',
      ],
      'login.host issues codes for a host that has left the policy': [
        'if (!isHostOf(request, rules, asked.origin)) return',
        'if (false) return',
      ],
      'login.host gives a code for a session of another issuer': [' || session.issuer !== rules.issuer', ''],
      'login.host gives a code although the user must log in again': [' || request.prompt !== undefined', ''],
      'a code outlives the policy that names its host': [
        'if (rules === undefined || !isHostOf(request, rules, request.publicUrl)) return undefined',
        'if (rules === undefined) return undefined',
      ],
    },
    sharedLogin,
  ),
  ...inFile(
    'login/logins.ts',
    {
      'a login hands over to a host that has left the policy': [
        'if (handOver !== undefined && !isHostOf(request, rules, handOver.origin)) {',
        'if (false) {',
      ],
      'a login for one issuer hands over the session of another issuer': [
        '      if (session.issuer !== rules.issuer) return',
        '      if (false) return',
      ],
      'login.host replaces a session without asking the user': [
        "        query.set('consent', consents.of(session, rules))\n",
        "        return this.#begin(request, rules, { returnTo, stepUp, prompt, path: '/.gatehouse/login', handOver: target })\n",
      ],
    },
    sharedLogin,
  ),
  ...inFile(
    'login/hand-over-codes.ts',
    {
      'a code is redeemed at any host': [`code \${code} \${origin}`, `code \${code}`],
      'a code is redeemed twice': [" || (await this.#client.call('DEL', key)) !== 1", ''],
    },
    sharedLogin,
  ),
  ...inFile(
    'sessions/sessions.ts',
    {
      'a cached cookie opens its session at another host': [
        '    if (found.origin !== undefined && found.origin !== origin) return undefined\n',
        '',
      ],
      'the cookie of login.host opens its session at another host': [
        '(ownOrigin !== undefined && ownOrigin !== origin)',
        'false',
      ],
    },
    sessionStore,
  ),
]
