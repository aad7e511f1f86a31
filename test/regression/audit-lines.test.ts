import { expect, test } from 'vitest'
import { unpackLines } from '../../gateway/audit/batch.ts'
import { Chain } from '../../gateway/audit/chain.ts'
import type { AuditRecord } from '../../gateway/audit/record.ts'
import { recordLine } from '../../gateway/audit/record-line.ts'
import { neverIntrospected, noRevocationLookup, noTexts, type TokenFacts } from '../../gateway/oauth/token-facts.ts'
import type { Exchange } from '../../gateway/pipeline/exchange/exchange.ts'
import { auditLine } from '../../gateway/pipeline/records/audit-line.ts'
import { recordedQuery } from '../../gateway/pipeline/records/recorded-query.ts'
import { fc } from '../kit/properties.ts'
import { exchangeOf } from '../unit/pipeline/exchange-under-test.ts'

// S-141, S-142: the text of a client stays in its own field of the audit record, and every record is one line of JSON.

/** Generates texts that break lines, terminals, tables or parsers, and random texts. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom(
    'a\nb',
    'a\r\n{"kind":"exchange"}',
    '"',
    '\\',
    '\\"},{"x":"',
    '\u0000\u001f\u007f\u0085\u009f',
    'a\u2028b\u2029c',
    '\u001b]0;title\u0007',
    '\u202etxt.exe',
    '=cmd()|x!A1',
    '<img src=x onerror=alert(1)>',
    '\ud800',
    '\udfff\ud800',
    Buffer.from([0x61, 0xff, 0xfe, 0xc3, 0x28]).toString(),
    '__proto__',
    'u'.repeat(100_000),
  ),
)

interface Texts {
  readonly agent: string
  readonly path: string
  readonly host: string
  readonly method: string
  readonly subject: string
  readonly client: string
  readonly session: string
  readonly query: string
  readonly fault: string
}

/**
 * All exchanges share this route: text that the route caches for one exchange must not appear in the record of another.
 */
const route = { id: 'r', service: { id: 's', trustTrace: true }, audit: { whenFull: 'open', query: true } }

function exchangeWith(texts: Texts): Exchange {
  const gate = { node: 'n1', runtime: { snapshot: { revision: '0123456789ab' } } } as Exchange['gate']
  const fields = [['user-agent', texts.agent] as const]
  const x = exchangeOf({ method: texts.method, target: texts.path.replaceAll('?', ''), fields, gate })
  Object.assign(x, { id: 'request-1', route, runtime: gate.runtime, faultMessage: texts.fault })
  Object.assign(x, { authority: texts.host, query: texts.query })
  const facts: Partial<TokenFacts> = {
    issuer: { issuer: 'https://idp.test', name: 'idp' } as TokenFacts['issuer'],
    subject: texts.subject,
    client: texts.client,
    sessionId: texts.session,
    introspection: neverIntrospected,
    revocation: noRevocationLookup(),
    texts: noTexts(),
  }
  Object.assign(x.downstream, { bytesIn: 0, bytesOut: 0 })
  x.facts = facts as TokenFacts
  return x
}

const emptyTexts: Texts = {
  agent: '',
  path: '/',
  host: '',
  method: 'GET',
  subject: '',
  client: '',
  session: '',
  query: '',
  fault: '',
}

/** The text as an audit record contains it: truncated to `max` characters; a lone surrogate stays in the text. */
const recorded = (text: string, max = 1024) => (text.length <= max ? text : `${text.slice(0, max)}…`)

test('S-141: hostile text in an exchange stays inside its field of the audit record, which is one line of JSON', () => {
  const anyTexts = fc.record({
    agent: hostile,
    path: hostile.filter((text) => !text.includes('?')),
    host: hostile,
    method: hostile,
    subject: hostile,
    client: hostile,
    session: hostile,
    query: hostile,
    fault: hostile,
  })
  fc.assert(
    fc.property(anyTexts, (texts) => {
      const chain = new Chain('n1', undefined)
      const x = exchangeWith(texts)
      // Add the exchange twice: the second line uses texts that were cached for the first line.
      chain.add(auditLine(x))
      chain.add(auditLine(x))
      const lines = unpackLines(chain.seal().packed)!.toString()

      expect(lines.replaceAll('}\n', '}')).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/)
      expect(Buffer.byteLength(lines)).toBeLessThan(512 * 1024)
      const records = lines.split('\n').slice(0, -1)
      expect(records).toHaveLength(2)
      for (const [i, line] of records.entries()) {
        expect(JSON.parse(line) as AuditRecord).toMatchObject({
          id: `${chain.id}-${i + 1}`,
          kind: 'exchange',
          'user_agent.original': recorded(texts.agent),
          'url.path': recorded(texts.path, 8192),
          'url.query': recorded(recordedQuery(texts.query), 8192),
          'server.address': recorded(texts.host, 256),
          'http.request.method': recorded(texts.method, 256),
          'user.id': recorded(texts.subject),
          'gatehouse.client': recorded(texts.client),
          'session.id': recorded(texts.session),
          'gatehouse.fault': recorded(texts.fault),
        })
      }
    }),
    { numRuns: 300 },
  )
})

test('the audit record of a refusal without a route contains at most 256 bytes of the path and 256 bytes of the user agent', () => {
  const anyTexts = fc.record({ agent: hostile, path: hostile.filter((text) => !text.includes('?')) })
  fc.assert(
    fc.property(anyTexts, (texts) => {
      const x = exchangeWith({ ...emptyTexts, ...texts })
      Object.assign(x, { route: undefined, facts: undefined, reason: 'route-unknown', faultMessage: undefined })
      const line = `{"id":"n1.0-1",${auditLine(x)}`

      expect(line).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/)
      for (const [field, text] of [
        ['user_agent.original', texts.agent],
        ['url.path', texts.path],
      ] as const) {
        // The text of the field as written in the JSON line, with its escapes.
        const [, written] = new RegExp(`"${field}":"((?:[^"\\\\]|\\\\.)*)"`).exec(line) ?? []
        expect(Buffer.byteLength(written!)).toBeLessThanOrEqual(256)
        const value = JSON.parse(`"${written}"`) as string
        if (value !== text) expect([value.at(-1), text.startsWith(value.slice(0, -1))]).toEqual(['…', true])
      }
    }),
    { numRuns: 300 },
  )
})

test('S-141: the audit record of an admin call with hostile text is a single line', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const line = `{"id":"n1.0-1",${recordLine('admin', 0, { 'user.id': text, 'url.path': undefined })}`

      expect(line).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/)
      expect(JSON.parse(line)).toEqual({
        id: 'n1.0-1',
        time: '1970-01-01T00:00:00.000Z',
        kind: 'admin',
        'user.id': recorded(text),
      })
    }),
  )
})

test.each([
  ['page=2&sort=name', 'page=2&sort=name'],
  ['access_token=x', 'access_token=(withheld)'],
  ['a=1&ACCESS%5FTOKEN=x&b=2', 'a=1&ACCESS%5FTOKEN=(withheld)&b=2'],
  ['code=x;state=y', 'code=(withheld);state=(withheld)'],
  ['barcode=x&zipcode=y&keyword=z', 'barcode=x&zipcode=y&keyword=z'],
  [
    'id_token_hint=x&SAMLResponse=y&x-api-key=z',
    'id_token_hint=(withheld)&SAMLResponse=(withheld)&x-api-key=(withheld)',
  ],
  ['+password+=x&%70wd=y', '+password+=(withheld)&%70wd=(withheld)'],
  ['%zz_token=x', '%zz_token=(withheld)'],
  ['%74oken%zz=x&%70assw%c3%28ord=y&%ff=z', '%74oken%zz=(withheld)&%70assw%c3%28ord=(withheld)&%ff=z'],
  ['code_verifier=x&PHPSESSID=y&device_code=z', 'code_verifier=(withheld)&PHPSESSID=(withheld)&device_code=(withheld)'],
  ['token', 'token'],
  ['=x&&;', '=x&&;'],
])('the query %j appears in an audit record as %j', (query, expected) => {
  expect(recordedQuery(query)).toBe(expected)
})
