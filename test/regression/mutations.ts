/** A check taken out of the gate: the text is found exactly once in the file, and replaced. */
export interface Mutation {
  readonly what: string
  /** Below gateway/. */
  readonly file: string
  readonly find: string
  readonly replace: string
  /** Test files that must notice. Default: the unit and regression tests of the data plane. */
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
const outages = ['test/cluster/outages.test.ts']

const waits = ['test/regression/revoked-while-waiting.test.ts']

const sessionStore = ['test/unit/sessions']
const sessionsShared = ['test/cluster/sessions.test.ts']

/** Every check of guard-request, and what it stands on; what a receipt stands on. */
export const mutations: readonly Mutation[] = [
  ...inFile(
    'cluster/cluster.ts',
    {
      'acknowledges before it applies': [
        '        this.#apply(event)\n',
        '        setTimeout(() => this.#apply(event), 5)\n',
      ],
    },
    tick,
  ),
  ...inFile(
    'cluster/cluster.ts',
    {
      'freshness counts from the reply': [
        'this.freshness.recordRead(sentAt, sentWallMs, boundMs)',
        'this.freshness.recordRead(performance.now(), Date.now(), boundMs)',
      ],
      'another epoch is not looked for': ['if (!this.#epoch.isKnown(epoch) || there === 0) {', 'if (false) {'],
    },
    outages,
  ),
  ...inFile(
    'pipeline/identity/revocation-verdict.ts',
    {
      'staleness is not looked at': [
        'return revocations.stale(route.revocationStaleMs) ? stale : undefined',
        'return undefined',
      ],
    },
    outages,
  ),
  ...inFile(
    'pipeline/identity/validity-verdict.ts',
    {
      'revocation is not looked at again': ['const revoked = revocationVerdict(x)', 'const revoked = undefined'],
      'expiry is not looked at again': ['x.nowMs >= refusedFromMs(facts)', 'false'],
    },
    ['test/unit/pipeline/check-validity.test.ts'],
  ),
  ...inFile(
    'pipeline/phases/forward.ts',
    {
      'validity is not looked at on a new connection': [
        '  onOpen(): void {\n    this.#isValid()',
        '  onOpen(): void {\n    this',
      ],
      'validity is not looked at before a retry': ['if (!this.#isValid()) return', 'if (false) return'],
    },
    waits,
  ),
  ...inFile(
    'revocation/revocations.ts',
    {
      'a joining node follows the log alone': ['      this.#replica.apply(records)\n    }', '    }'],
      'what was found once is never looked up again': ['seen === this.#replica.changes &&', 'seen !== 0 &&'],
    },
    tick,
  ),
  ...inFile('pipeline/exchange/request-line.ts', {
    'any method': ['if (!methods.has(method)) return', 'if (false) return'],
    'CONNECT and TRACE as any unknown method': ["method === 'CONNECT' || method === 'TRACE'", 'false'],
    'any length of target': ['target.length + (query?.length ?? 0) > limits.targetMaxBytes', 'false'],
    'the query does not count into the target': ['target.length + (query?.length ?? 0) >', 'target.length >'],
    'any byte in the query': ['query !== undefined && !visibleAscii.test(query)', 'false'],
  }),
  ...inFile(guard, {
    'any number of fields': ['if (names.length > limits.fieldsMax) return', 'if (false) return'],
    'any number of members of Connection': ['if (members > CONNECTION_MEMBERS_MAX) return', 'if (false) return'],
    'any number of cookies': ['if (cookies > COOKIES_MAX) return', 'if (false) return'],
    'any size of head': ['headBytes(head) > limits.headMaxBytes', 'false'],
    'characters of the head count as bytes': [
      'bytes * CHARACTER_MAX_BYTES > limits.headMaxBytes',
      'bytes > limits.headMaxBytes',
    ],
    'names do not count into the head': ['bytes += name.length + value.length + 4', 'bytes += value.length'],
    'any name': ['if (kind === undefined) return refusals.fieldName', 'if (kind === undefined) continue'],
    'any value': ['flaw.test(value)) return refusals.fieldValue', 'false) return refusals.fieldValue'],
    'U+FFFD in a value': ['/[\\ufffd\\x7f', '/[\\x7f'],
    '0x7f in a value': ['/[\\ufffd\\x7f\\x00', '/[\\ufffd\\x00'],
    'an imitation of a framing field': ['if (kind === FieldKind.framingAlias) return', 'if (false) return'],
    'repeats are not seen': ['const repeated = (seen & (1 << kind)) !== 0', 'const repeated = false'],
    'repeats of what may occur once': ['if (repeated) return refusals.fieldRepeated', ''],
    'two Authorization': ['if (repeated) return refusals.credentialRepeated', ''],
    'two DPoP': ['return repeated ? refusals.credentialRepeated : undefined', 'return undefined'],
    'two request ids count': ['head.requestId = repeated ? undefined : value', 'head.requestId = value'],
    'two traces count': ['head.traceparent = repeated ? undefined : value', 'head.traceparent = value'],
    'the last Via alone': ['head.via = repeated ?', 'head.via = false ?'],
    'any Host': ['return isHost(head.host) ? undefined : refusals.hostMalformed', 'return undefined'],
    'an announced trailer': ['return refusals.trailerAnnounced', 'return undefined'],
    'any Content-Length': ['!decimal.test(value) || !Number.isSafeInteger(Number(value))', 'false'],
    'a Content-Length beyond 2^53': ['|| !Number.isSafeInteger(Number(value))', ''],
    'zeros before a Content-Length': ['(?:0|[1-9][0-9]{0,15})$/', '[0-9]{1,16}$/'],
    'any Transfer-Encoding': ['if (!chunked.test(value)) return refusals.framingEncoding', ''],
    'a Transfer-Encoding with chunked in it': ['/^chunked$/i', '/chunked/i'],
    'a Transfer-Encoding that ends in chunked': ['/^chunked$/i', '/chunked$/i'],
    'a Transfer-Encoding that starts with chunked': ['/^chunked$/i', '/^chunked/i'],
    'letters that JavaScript lower-cases into ASCII': ['!chunked.test(value)', "value.toLowerCase() !== 'chunked'"],
    'chunked in small letters alone': ['/^chunked$/i', '/^chunked$/'],
    gRPC: ['return grpc.test(value) ? refusals.grpcUnsupported : undefined', 'return undefined'],
    'any expectation': ["value.toLowerCase() === '100-continue' ? undefined :", 'true ? undefined :'],
    'no expectation': ["value.toLowerCase() === '100-continue' ? undefined :", ''],
    'a WebSocket': [
      "return value.toLowerCase() === 'websocket' ? refusals.upgradeUnsupported : undefined",
      'return undefined',
    ],
    'both framings': [
      'return head.chunked && head.contentLength !== undefined ? refusals.framingBoth',
      'return false ? refusals.framingBoth',
    ],
    'the target as it came': ['const path = normalizePath(head.target)', 'const path: string | Denial = head.target'],
    'the Host as it came': ['x.host = hostName(head.host)', 'x.host = head.host'],
    'any request id': [
      'head.requestId !== undefined && wellFormedRequestId(head.requestId)',
      'head.requestId !== undefined',
    ],
    'no request id': ['head.requestId !== undefined && wellFormedRequestId(head.requestId)', 'false'],
    'what is refused keeps its connection': ['      x.close = true\n', ''],
    'a chunked upload keeps its connection': ['x.close = head.close || head.chunked', 'x.close = head.close'],
    'the client does not end its connection': ['x.close = head.close || head.chunked', 'x.close = head.chunked'],
    'what Connection names is not seen': ['head.connectionNames.add(option)', ''],
    'Connection names in its own case': ['trimOptionalWhitespace(part).toLowerCase()', 'trimOptionalWhitespace(part)'],
    'the id that Connection names goes on': ["if (names.has('x-request-id')) head.requestId = undefined", ''],
    'the trace that Connection names goes on': ["if (names.has('traceparent')) head.traceparent = undefined", ''],
    'the Via that Connection names goes on': ["if (names.has('via')) head.via = undefined", ''],
  }),
  ...inFile('pipeline/exchange/host.ts', {
    'any IPv6 address': ['return value.charCodeAt(0) !== 0x5b ||', 'return true ||'],
    'a Host with something behind it': ['(?::[0-9]{0,5})?$/i', '(?::[0-9]{0,5})?/i'],
    'a Host with something before it': ['/^(?:[a-z0-9._~-]+|', '/(?:[a-z0-9._~-]+|'],
    'a final dot makes another host': ["name.endsWith('.') ? name.slice(0, -1) : name", 'name'],
    'case makes another host': [' : name).toLowerCase()', ' : name)'],
  }),
  ...inFile('policy/path-form.ts', {
    'empty segments': ["if (emptySegment.test(path)) return refusals['path-empty-segment']", ''],
    'dot segments': ["if (dotSegment.test(path)) return refusals['path-dot-segment']", ''],
    'dot segments before ;': ['(?:[/;]|%2F|%3B|$)/', '(?:[/]|%2F|%3B|$)/'],
    'dot segments behind %2F': ['const dotSegment = /(?:\\/|%2F)', 'const dotSegment = /(?:\\/)'],
    'an empty segment before ;': ['/\\/[/;]/', '/\\/\\//'],
    'any escape': [
      "if (byte === undefined) return refusals['path-escape']",
      'if (byte === undefined) { path += char; continue }',
    ],
    'escaped controls': ["if (byte < 0x20 || byte === 0x7f) return refusals['path-control']", ''],
    'escaped backslash': ["if (byte === 0x5c) return refusals['path-backslash']", ''],
    'any bytes for UTF-8': [
      "if (length === 0) return refusals['path-utf8']",
      'if (length === 0) { path += raw.slice(i, i + 3); i += 2; continue }',
    ],
    'overlong UTF-8 of two bytes': ['lead < 0xc2 ? 0 :', 'lead < 0xc0 ? 0 :'],
    'overlong UTF-8 of three bytes': ['(lead === 0xe0 && byte < 0xa0) ||', ''],
    'surrogates in UTF-8': ['|| (lead === 0xed && byte > 0x9f)', ''],
    'overlong UTF-8 of four bytes': ['(lead === 0xf0 && byte < 0x90) ||', ''],
    'code points beyond U+10FFFF': ['|| (lead === 0xf4 && byte > 0x8f)', ''],
    'escapes of letters stay': ['unreserved.test(decoded) ? decoded :', 'false ? decoded :'],
    'every escape is decoded': ['unreserved.test(decoded) ? decoded :', 'true ? decoded :'],
    'escapes in their own case': ['raw.slice(i, i + 3).toUpperCase()\n    i += 2', 'raw.slice(i, i + 3)\n    i += 2'],
    'a fragment': ["if (char === '#') return 'path-fragment'", ''],
    'a raw backslash': ["if (char === '\\\\') return 'path-backslash'", ''],
    'raw characters': ["return '<>\"{}^`?'.includes(char) ? 'path-raw-character' : undefined", 'return undefined'],
    'raw bytes': ["if (char < '!' || char > '~') return 'target-malformed'", ''],
    'escaped slashes': ["if (service?.encodedSlashes !== 'keep' && path.includes('%2F')) return", 'if (false) return'],
    'path parameters': ["if (service?.pathParameters !== 'allow' && path.includes(';')) return", 'if (false) return'],
  }),
  ...inFile('pipeline/phases/match-route.ts', {
    'a path is not judged for its service': ['return refusedBy(found.service, x.path)', 'return undefined'],
  }),
  ...inFile('policy/path-trie.ts', {
    'a weaker route takes other methods': ['byMethod.size === 0 || fallThrough ?', 'true ?'],
  }),
  ...inFile('pipeline/exchange/find-route.ts', {
    'a path of no service is not judged': ['(refusedBy(undefined, path) ?? found)', 'found'],
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
    'any name in pass_headers': ['return passable.has(name) ||', 'return true ||'],
  }),
  ...inFile('pipeline/exchange/field-kind.ts', {
    'spellings of a statement': ["if (isDropped(folded) || folded === 'x-request-id') return FieldKind.dropped", ''],
    'spellings of X-Request-Id': ["isDropped(folded) || folded === 'x-request-id'", 'isDropped(folded)'],
    'Keep-Alive': ["'keep-alive', ", ''],
    TE: ["'te', ", ''],
    Proxy: [", 'proxy'", ''],
  }),
  ...inFile('pipeline/phases/shape-request.ts', {
    'what Connection names travels': ['if (connectionNames?.has(name)) continue', ''],
    'pass_headers passes what it does not name': ['if (passHeaders?.has(name) !== true) continue', ''],
    'any tracestate': ['x.continuesTrace && keepsTracestate(tracestate)', 'x.continuesTrace'],
    'tracestate without a trace': ['x.continuesTrace && keepsTracestate(tracestate)', 'keepsTracestate(tracestate)'],
    'any baggage': ['x.route.service.trustTrace && keepsBaggage(baggage)', 'x.route.service.trustTrace'],
    'the baggage of anybody': ['x.route.service.trustTrace && keepsBaggage(baggage)', 'keepsBaggage(baggage)'],
    'any certificate': ['if (!x.peerTrusted) continue', ''],
    'bytes above ASCII as characters': [
      "aboveAscii.test(value) ? Buffer.from(value).toString('latin1') : value",
      'value',
    ],
  }),
  ...inFile('pipeline/forward-auth/stated-identity.ts', {
    'claims of the prototype': ['return Object.hasOwn(claims, name) ? claims[name] : undefined', 'return claims[name]'],
    'line ends in claims': ["value !== '' && fieldText.test(value)", "value !== ''"],
    'white space at the ends of claims': ['&& value === value.trim()', ''],
    'half a surrogate pair in claims': ['&& value.isWellFormed()', ''],
  }),
  ...inFile('pipeline/exchange/trace-context.ts', {
    'any trace': ['given !== undefined && continuesTrace(given)', 'given !== undefined'],
    'the flag of anybody counts at once': [
      'if (x.peerTrusted) sampleContinued',
      'if (x.peerTrusted || true) sampleContinued',
    ],
    'the trace of anybody': ['x.continuesTrace = trusted && given', 'x.continuesTrace = given'],
  }),
  ...inFile('pipeline/phases/shape-response.ts', {
    'what is for one hop, in replies': ['if (isDropped(head, i) || (shares', 'if ((shares'],
    'the cookies of the gate are cleared': ['/cookies|\\*/i.test(type)', '/\\*/.test(type)'],
    'X-Gatehouse-* in replies': ["if (length >= 12 && head.nameStartsWith(i, 'x-gatehouse-')) return true", ''],
    'what Connection names, in replies': [' || named?.has(head.name(i)) === true', ''],
  }),
  ...inFile('pipeline/phases/resolve-client.ts', {
    'a PROXY header of anybody': [
      'if (proxies === undefined) return proxied === undefined ? undefined : proxiedAddress',
      'if (proxies === undefined) return undefined',
    ],
  }),
  ...inFile('upstream/undici-call.ts', {
    'any Transfer-Encoding of a reply': ['if (!plainlyFramed(fields)) throw', 'if (false) throw'],
  }),
  ...inFile('upstream/reply-parser.ts', {
    'any name in a reply': ['if (bytes[at] !== COLON || at === nameFrom) throw', 'if (false) throw'],
    'no name in a reply': [' || at === nameFrom) throw', ') throw'],
    'a control character in a reply': ['(byte >= SPACE && byte !== 0x7f)', '(byte !== CR && byte !== LF)'],
    'a bare CR in a reply': ['if (bytes[at + 1] !== LF) throw', 'if (false) throw'],
  }),
  ...inFile('upstream/reply-framing.ts', {
    'two Content-Length in a reply': [
      "if (this.contentLength !== undefined) throw new MalformedReply('two",
      "if (false) throw new MalformedReply('two",
    ],
    'any Content-Length of a reply': ['if (digit < 0 || digit > 9) throw', 'if (false) throw'],
    'an empty Content-Length of a reply': ['if (from === to) throw', 'if (false) throw'],
    'a Content-Length of a reply beyond 2^53': ['if (length > Number.MAX_SAFE_INTEGER) throw', 'if (false) throw'],
    'any Transfer-Encoding of a reply': ["if (!isWhole(bytes, valueFrom, valueTo, 'chunked'))", 'if (false)'],
    'two Transfer-Encoding in a reply': ['if (this.chunked) throw', 'if (false) throw'],
    'both framings in a reply': [
      "if (this.contentLength !== undefined) throw new MalformedReply('both",
      "if (false) throw new MalformedReply('both",
    ],
  }),
  ...inFile('upstream/connection.ts', {
    'bytes behind a reply': ['this.#persistent && !surplus && this.#sent', 'this.#persistent && this.#sent'],
    'a connection that its service ends': [
      'const reusable = this.#persistent && !surplus',
      'const reusable = !surplus',
    ],
    'a body where none may be': ['call.bodyless || status === 204 || status === 304 ||', ''],
    'a switch of protocols': ['if (status === 101) throw', 'if (false) throw'],
  }),
  ...inFile('upstream/chunked-body.ts', {
    'other bytes behind a chunk': ['if (byte !== expected) throw', 'if (false) throw'],
  }),
  ...inFile('pipeline/exchange/driver.ts', {
    'what was refused goes on after its verification': [
      'x.aborted || x.settled ? undefined : advance',
      'x.aborted ? undefined : advance',
    ],
  }),
  ...inFile('upstream/reply-head.ts', {
    'any reason phrase': ['if (!this.#hasPlainPhrase()) return', 'if (false) return'],
  }),
  ...inFile('http/own-reply.ts', {
    'a refusal at once, in the tick of the handler': ['if (close) setImmediate(send)\n  else send()', 'send()'],
  }),
  ...inFile(
    'sessions/begin-refresh.lua',
    {
      'two at a time': ["if s[3] and tonumber(s[3]) > now then return { 'wait'", "if false then return { 'wait'"],
      'forgets who left': ['fence, s[3] and 1 or 0 }', 'fence, 0 }'],
      'forgets a failure': ['if s[5] and tonumber(s[5]) > now then', 'if false then'],
    },
    sessionStore,
  ),
  ...inFile(
    'sessions/end-refresh.lua',
    {
      'a late loser wins': ["if tonumber(s[1]) > tonumber(ARGV[2]) then return 'superseded' end", ''],
      'anybody may fail': ["if s[2] ~= ARGV[1] or not s[3] then return 'superseded' end", ''],
      'late tokens are lost': ["if ARGV[3] ~= '' then\n", "if ARGV[3] ~= '' and s[2] == ARGV[1] then\n"],
      'makes a session of one that has ended': [
        "if not s[1] then return 'gone' end",
        "if not s[1] then s[1] = '0' end",
      ],
    },
    sessionStore,
  ),
  ...inFile(
    'sessions/renew-refresh.lua',
    { 'renews what is lost': ['if s[1] ~= ARGV[1] or not s[2] then return 0 end', 'if not s[2] then return 0 end'] },
    sessionStore,
  ),
  ...inFile(
    'sessions/use-session.lua',
    { 'outlives its end': ['math.min(tonumber(s[3]), s[4] - now)', 'tonumber(s[3])'] },
    sessionStore,
  ),
  ...inFile(
    'sessions/session-store.ts',
    {
      'opens at another session': [`\`\${this.#keys.session(id)} \${version}\``, 'String(version)'],
      'opens as another version': [`\`\${this.#keys.session(id)} \${version}\``, 'this.#keys.session(id)'],
    },
    sessionStore,
  ),
  ...inFile(
    'sessions/session-cookie.ts',
    { 'takes the last of several': ['      if (value !== undefined) return undefined\n', ''] },
    sessionStore,
  ),
  ...inFile(
    'sessions/sessions.ts',
    {
      'holds what was ended': [
        'if (nowMs >= session.endsAtS * 1000 || this.#dependencies.ended(session)) {',
        'if (nowMs >= session.endsAtS * 1000) {',
      ],
      'replaces and ends nothing': ["    await this.end({ session: id }, 'replaced')\n", ''],
      'is down with the issuer': ['if (Date.now() < session.tokens.accessExpiresAtS! * 1000) return session\n', '\n'],
    },
    sessionsShared,
  ),
]
