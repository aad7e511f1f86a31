import { readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { exchange, type RawExchange } from '../kit/raw-client.ts'
import { GateUnderAttack, type Witnessed } from './gate-under-attack.ts'
import { expectStoppedByListener } from './refusal.ts'

// uWebSockets.js answers these requests itself, before any code of Gatehouse runs (docs/reference/wire.md, "Answered by
// uWebSockets.js itself"). Nothing reaches a service or the access log, and the connection is closed. README.md in this
// folder has the same list.

const lines = (...rest: readonly string[]) => [...rest, '', ''].join('\r\n')
const get = (...fields: readonly string[]) => lines('GET /public/x HTTP/1.1', 'Host: api.test', ...fields)
const many = (count: number) => Array.from({ length: count }, (_, index) => `X-${index}: 1`)

/** Requests to which the listener replies immediately with an HTML page: 400, 431 or 505. */
const pages: readonly (readonly [what: string, bytes: string, status: number])[] = [
  ['Content-Length beside Transfer-Encoding', get('Content-Length: 3', 'Transfer-Encoding: chunked'), 400],
  ['no Host', lines('GET /public/x HTTP/1.1', 'X-A: 1'), 400],
  ['two Host', get('Host: api.test'), 400],
  ['a folded field (obs-fold)', get('X-A: a', ' b'), 400],
  ['a space before the colon', get('X-A : a'), 400],
  ['a tab before the colon', get('X-A\t: a'), 400],
  ['a field without a colon', get('X-A'), 400],
  ['NUL in a value', get('X-A: a\0b'), 400],
  ['a control character in a value', get('X-A: a\x01b'), 400],
  ['an escape character in a value', get('X-A: a\x1b[31mb'), 400],
  ['LF in a value', get('X-A: a\nX-B: b'), 400],
  ['a control character in a name', get('X-\x01: a'), 400],
  ['@ in a name', get('X@A: a'), 400],
  ['/ in a name', get('X/A: a'), 400],
  ['( in a name', get('X(A: a'), 400],
  ['a byte from 0x80 on in a name', get('X-\xe9: a'), 400],
  ['fields that end in LF alone', 'GET /public/x HTTP/1.1\r\nHost: api.test\nX-A: a\n\n', 400],
  ['a target that does not start with /', lines('GET \\public\\x HTTP/1.1', 'Host: api.test'), 505],
  ['a PROXY header of version 1', `PROXY TCP4 10.0.0.1 127.0.0.1 80 80\r\n${get()}`, 505],
  ['a request line that ends in LF alone', 'GET /public/x HTTP/1.1\nHost: api.test\n\n', 505],
  ['an absolute target', lines('GET http://api.test/public/x HTTP/1.1', 'Host: api.test'), 505],
  ['OPTIONS *', lines('OPTIONS * HTTP/1.1', 'Host: api.test'), 505],
  ['CONNECT host:port', lines('CONNECT api.test:443 HTTP/1.1', 'Host: api.test'), 505],
  ['HTTP/1.0', lines('GET /public/x HTTP/1.0', 'Host: api.test'), 505],
  ['HTTP/1.2', lines('GET /public/x HTTP/1.2', 'Host: api.test'), 505],
  ['HTTP/2.0', lines('GET /public/x HTTP/2.0', 'Host: api.test'), 505],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
  ['http/1.1 in lower case', lines('GET /public/x http/1.1', 'Host: api.test'), 505],
  ['two spaces before the target', lines('GET  /public/x HTTP/1.1', 'Host: api.test'), 505],
  ['a tab before the target', lines('GET\t/public/x HTTP/1.1', 'Host: api.test'), 505],
  ['a space in the target', lines('GET /public/x y HTTP/1.1', 'Host: api.test'), 505],
  ['a tab in the target', lines('GET /public/\tx HTTP/1.1', 'Host: api.test'), 505],
  ['NUL in the target', lines('GET /public/\0x HTTP/1.1', 'Host: api.test'), 505],
  ['a control character in the target', lines('GET /public/\x01x HTTP/1.1', 'Host: api.test'), 505],
  ['the greeting of TLS', '\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03', 505],
  ['more than 98 fields', get(...many(98)), 431],
  ['a head beyond 64 KiB', get(`X-A: ${'a'.repeat(70_000)}`), 431],
  ['a target beyond 64 KiB', lines(`GET /public/${'x'.repeat(70_000)} HTTP/1.1`, 'Host: api.test'), 431],
]

/**
 * Requests for which the listener waits for more bytes. The listener closes the connection at the idle timeout, with or
 * without a page.
 */
const silences: readonly (readonly [what: string, bytes: string, status: number | 'none'])[] = [
  ['CR in a value', get('X-A: a\rX-B: b'), 'none'],
  ['an empty line before the request', `\r\n${get()}`, 'none'],
  ['no bytes', '', 'none'],
  ['half a request line', 'GET /public/x', 'none'],
  ['a head without its end', 'GET /public/x HTTP/1.1\r\nHost: api.test\r\n', 'none'],
  ['a request line of HTTP/0.9', 'GET /public/x\r\n', 505],
]

let gate: GateUnderAttack
let silent: Promise<Witnessed & { result: Map<string, RawExchange> }>

beforeAll(async () => {
  gate = await GateUnderAttack.start({ settings: { request: { idle: '8s' } } })
  silent = gate.witness(async () => {
    const attacks = silences.map(async ([what, bytes]) => {
      return [what, await exchange(gate.port, bytes, { replies: 'all' })] as const
    })
    return new Map(await Promise.all(attacks))
  })
})

test.each(pages)('uWebSockets.js itself rejects a malformed request: %s', async (_what, bytes, status) => {
  expectStoppedByListener(await gate.attack(bytes), [status])
  expectStoppedByListener(await gate.attack(`${bytes}${get()}`, { replies: 'all' }), [status])
})

test('the gate forwards a request with the maximum number of fields that uWebSockets.js accepts', async () => {
  const { replies, requests } = await gate.attack(get(...many(97)).replace('/public/x', '/public/most'))

  expect(replies).toMatchObject([{ status: 200 }])
  expect(requests[0]!.fields.filter(([name]) => name.startsWith('x-')).length).toBeGreaterThanOrEqual(97)
})

test.each(silences)(
  'uWebSockets.js waits for the rest of an incomplete request and then closes the connection: %s',
  async (what, _bytes, status) => {
    const { result, records, requests } = await silent

    expect(requests.filter(({ url }) => url === '/public/x')).toEqual([])
    expect(records.filter(({ path }) => path === '/public/x')).toEqual([])
    expect(result.get(what)?.replies.map((reply) => reply.status)).toEqual(status === 'none' ? [] : [status])
    expect(result.get(what)?.ending).toBe('ended')
  },
)

test('test/regression/README.md lists every error reply that uWebSockets.js itself sends in these tests', () => {
  const readme = readFileSync(new URL('./README.md', import.meta.url), 'utf8')

  for (const [what, , status] of pages) expect(readme).toContain(`| ${what} | ${status} |`)
  for (const [what, , status] of silences)
    expect(readme).toContain(`| ${what} | ${status}, at the end of the idle time |`)
})
