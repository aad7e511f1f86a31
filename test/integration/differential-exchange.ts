import { fc } from '../kit/properties.ts'
import type { Fields } from './differential-service.ts'

// Generators of HTTP messages that are valid by RFC 9110 and RFC 9112, but mostly unusual.

/** Body of a generated message with its framing; `none`: the message has neither a body nor a framing field. */
export type Body =
  | { readonly framing: 'none' }
  | { readonly framing: 'length'; readonly text: string }
  | { readonly framing: 'chunked'; readonly chunks: readonly string[] }

export interface SentRequest {
  readonly method: string
  readonly path: string
  readonly query: string | null
  readonly fields: Fields
  readonly body: Body
}

/** Body of a generated reply; with the framing `close`, the body ends with the connection. */
export type ReplyBody = Exclude<Body, { framing: 'none' }> | { readonly framing: 'close'; readonly text: string }

export interface SentReply {
  readonly status: number
  readonly reason: string
  readonly fields: Fields
  readonly body: ReplyBody
}

const anyCase = (text: string) =>
  fc
    .infiniteStream(fc.boolean())
    .map((upper) => Array.from(text, (letter) => (upper.next().value ? letter.toUpperCase() : letter)).join(''))

const tokenCharacter = fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz0123456789-_.!#$%&'*+^`|~")
const madeUpName = fc.string({ unit: tokenCharacter, minLength: 1, maxLength: 12 }).map((name) => `q${name}`)

/** Request fields that services read and that the gate must forward unchanged. */
const knownRequestNames = [
  ...[
    'accept',
    'accept-encoding',
    'accept-language',
    'accept-charset',
    'cache-control',
    'pragma',
    'user-agent',
    'from',
  ],
  ...['referer', 'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range', 'range', 'date'],
  ...['content-encoding', 'content-language', 'content-location', 'content-disposition', 'content-md5', 'digest'],
  // Max-Forwards is not in the list, because the gate decrements it in OPTIONS requests (max-forwards.test.ts).
  ...['priority', 'prefer', 'early-data', 'dnt', 'sec-fetch-mode', 'sec-websocket-key', 'save-data'],
  ...['idempotency-key', 'x-requested-with', 'x-api-version', 'x-csrf-token', 'soapaction', 'link', 'warning', 'age'],
  ...['access-control-request-method', 'access-control-request-headers', 'constructor', '__proto__', 'x-forwarded'],
]
const onceOnly = ['content-type', 'origin']
/** docs/design/contract.md §6: request fields that the gate removes or sets itself. */
const takenRequestNames = [
  ...['te', 'keep-alive', 'proxy-authorization', 'proxy-connection', 'http2-settings', 'forwarded', 'x-forwarded-for'],
  ...[
    'x-forwarded-host',
    'x-forwarded-proto',
    'x-real-ip',
    'x-original-url',
    'x-gatehouse-jwt-assertion',
    'client-cert',
  ],
]

/**
 * ASCII text for the ends of a field value, because the listener loses bytes from 0x80 at both ends
 * (test/regression/README.md).
 */
const text = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  maxLength: 24,
})
const utf8 = fc.constantFrom('\xc3\xa9', '\xe2\x82\xac', '\xf0\x9f\x98\x80', '\xc2\xa0', '\t', '')
const value = fc.oneof(
  fc.constantFrom('', '*', '0', ',', ', ,', '"a, b";q=0.5', 'W/"x"', 'bytes=0-1,3-4', 'identity;q=0, *;q=0'),
  text.map((one) => one.trim()),
  fc.tuple(text, utf8, text).map(([before, middle, after]) => `<${before}${middle}${after}>`),
)

const requestField = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom(...knownRequestNames).chain(anyCase), value) },
  { weight: 2, arbitrary: fc.tuple(madeUpName.chain(anyCase), value) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom(...onceOnly), fc.constantFrom('text/plain; charset="x"', '*/*', 'null')),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom(...takenRequestNames).chain(anyCase),
      text.map((one) => `m${one.trim()}`),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom('Cookie', 'cookie'), fc.constantFrom('a=b', 'c=d; e="f"', 'g', '=h')),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant('Via'), fc.constantFrom('1.0 fred', '1.1 p.example (a, b)')) },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constant('Connection'),
      fc.constantFrom('keep-alive', 'close', 'qhop, close', 'If-Match , keep-alive', ', ,', 'TE, Range'),
    ),
  },
)

const bytes = (maxLength: number) =>
  fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength })
const largeBytes = fc.tuple(bytes(16), fc.integer({ min: 1, max: 6000 })).map(([one, times]) => `${one}.`.repeat(times))
const content = fc.oneof({ weight: 4, arbitrary: bytes(60) }, { weight: 1, arbitrary: largeBytes })
const chunks = fc.array(
  content.filter((one) => one !== ''),
  { maxLength: 4 },
)

const segment = fc
  .array(
    fc.constantFrom(
      'a',
      'B',
      '0',
      '-',
      '_',
      '~',
      '%20',
      '%E2%82%AC',
      '%3F',
      '%23',
      '%25',
      '!',
      "'",
      '(',
      '*',
      ',',
      ':',
      '@',
      '=',
      '&',
      '$',
      '+',
    ),
    {
      minLength: 1,
      maxLength: 6,
    },
  )
  .map((pieces) => pieces.join(''))
const visible = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code))

export const sentRequest: fc.Arbitrary<SentRequest> = fc
  .record({
    method: fc.constantFrom('GET', 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
    path: fc
      .tuple(fc.array(segment, { maxLength: 4 }), fc.constantFrom('', '/'))
      .map(([parts, end]) => `/s${parts.map((one) => `/${one}`).join('')}${end}`),
    query: fc.option(fc.string({ unit: visible, maxLength: 40 })),
    fields: fc.array(requestField, { maxLength: 20 }),
    body: fc.oneof(
      fc.constant({ framing: 'none' } as const),
      content.map((one) => ({ framing: 'length', text: one }) as const),
      chunks.map((some) => ({ framing: 'chunked', chunks: some }) as const),
    ),
  })
  .map((request) => ({ ...request, fields: withoutRepeated(request.fields) }))

function withoutRepeated(fields: Fields): Fields {
  const seen = new Set<string>()
  return fields.filter(([name]) => {
    if (!onceOnly.includes(name)) return true
    return !seen.has(name) && seen.add(name)
  })
}

const knownReplyNames = [
  ...[
    'content-type',
    'content-encoding',
    'content-language',
    'content-range',
    'content-location',
    'content-disposition',
  ],
  ...['etag', 'last-modified', 'expires', 'cache-control', 'vary', 'age', 'accept-ranges', 'location', 'retry-after'],
  ...[
    'allow',
    'link',
    'server',
    'x-powered-by',
    'www-authenticate',
    'set-cookie',
    'set-cookie',
    'strict-transport-security',
  ],
  ...[
    'content-security-policy',
    'access-control-allow-origin',
    'alt-svc',
    'warning',
    'x-frame-options',
    'server-timing',
    'via',
  ],
]
const takenReplyNames = [
  'date',
  'keep-alive',
  'te',
  'proxy-connection',
  'proxy-authenticate',
  'upgrade',
  'x-request-id',
  'x-gatehouse-subject',
]
const obsText = fc.constantFrom('\xe9', '\xff', '\x80\x81', '\xc3\xa9', '\t')
const replyValue = fc.oneof(
  text.map((one) => one.trim()),
  fc.tuple(text, obsText, text).map(([before, middle, after]) => `<${before}${middle}${after}>`),
  fc.constantFrom('', 'a=b; Path=/; HttpOnly', 'sid=1; SameSite=Lax', 'Basic realm="x", Digest', '</a>; rel=preload'),
)
const replyField = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom(...knownReplyNames).chain(anyCase), replyValue) },
  { weight: 2, arbitrary: fc.tuple(madeUpName.chain(anyCase), replyValue) },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom(...takenReplyNames).chain(anyCase),
      text.map((one) => `m${one.trim()}`),
    ),
  },
)

export const sentReply: fc.Arbitrary<SentReply> = fc.record({
  status: fc.oneof(
    fc.constantFrom(200, 200, 204, 206, 304, 299, 418, 599, 401, 403, 429, 502, 503),
    fc.integer({ min: 200, max: 599 }),
  ),
  reason: fc.oneof(
    fc.constantFrom('OK', '', "I'm a teapot", 'No'),
    text.map((one) => one.trim()),
  ),
  fields: fc.array(replyField, { maxLength: 15 }),
  body: fc.oneof(
    content.map((one) => ({ framing: 'length', text: one }) as const),
    chunks.map((some) => ({ framing: 'chunked', chunks: some }) as const),
    content.map((one) => ({ framing: 'close', text: one }) as const),
  ),
})

/** Returns the body without its framing. */
export function textOf(body: Body | ReplyBody): string {
  if (body.framing === 'none') return ''
  return body.framing === 'chunked' ? body.chunks.join('') : body.text
}

/** Returns the framing field of a message, and its body as sent on the wire. */
export function framed(body: Body | ReplyBody): { readonly fields: Fields; readonly wire: string } {
  switch (body.framing) {
    case 'none':
      return { fields: [], wire: '' }
    case 'close':
      return { fields: [['Connection', 'close']], wire: body.text }
    case 'length':
      return { fields: [['Content-Length', String(body.text.length)]], wire: body.text }
    case 'chunked': {
      const pieces = body.chunks.map((one) => `${one.length.toString(16)}\r\n${one}\r\n`)
      return { fields: [['Transfer-Encoding', 'chunked']], wire: `${pieces.join('')}0\r\n\r\n` }
    }
  }
}

/** Returns a message head as Latin-1 bytes. */
export function headBytes(line: string, fields: Fields): Buffer {
  return Buffer.from(`${line}\r\n${fields.map(([name, one]) => `${name}: ${one}\r\n`).join('')}\r\n`, 'latin1')
}
