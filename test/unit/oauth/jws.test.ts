// RFC 7515 §7.1, RFC 7519 §7.2: a token is a JWS in compact form with JSON claims. Only one text of each token is
// accepted.

import { expect, test } from 'vitest'
import { readJws } from '../../../gateway/oauth/jws.ts'
import { fc } from '../../kit/properties.ts'
import { claimsOf, encode, unsigned } from './token-text.ts'

const header = { alg: 'ES256', typ: 'at+jwt', kid: 'k' }
const good = unsigned(header, claimsOf())

test('the JWS reader returns the header and the claims of a valid JWS', () => {
  expect(readJws(good)).toEqual({ header, claims: claimsOf() })
})

const [h, p, s] = good.split('.') as [string, string, string]

test.each([
  { what: 'trailing =', token: `${good}=` },
  { what: 'trailing ==', token: `${good}==` },
  { what: 'trailing line feed', token: `${good}\n` },
  { what: 'trailing space', token: `${good} ` },
  { what: 'leading space', token: ` ${good}` },
  { what: 'a space inside', token: `${h}.${p}.${s.slice(0, 5)} ${s.slice(5)}` },
  { what: 'other padding bits', token: `${good.slice(0, -1)}B` },
  { what: 'a plus sign', token: `${h}.${p}.+${s.slice(1)}` },
  { what: 'a slash', token: `${h}.${p}./${s.slice(1)}` },
  { what: 'padding in the header', token: `${h}=.${p}.${s}` },
  { what: 'one character too many', token: `${h}.${p}.${'A'.repeat(5)}` },
  { what: 'a character beyond ASCII', token: `${h}.${p}.é${s.slice(1)}` },
  { what: 'a comma', token: 'a,b' },
])('S-064: the JWS reader rejects a token with $what', ({ token }) => {
  expect(readJws(token)).toBe('token-malformed')
})

test.each([
  { what: 'an empty text', token: '' },
  { what: 'an opaque token', token: 'kX9fT3' },
  { what: 'two parts', token: `${h}.${p}` },
  { what: 'no signature', token: `${h}.${p}.` },
  { what: 'no payload', token: `${h}..${s}` },
  { what: 'no header', token: `.${p}.${s}` },
  { what: 'four parts', token: `${good}.${s}` },
  { what: 'five parts (JWE)', token: `${encode({ alg: 'RSA-OAEP', enc: 'A128GCM', zip: 'DEF' })}.a.b.c.d` },
  { what: 'only dots', token: '...' },
])('S-072, S-073: the JWS reader rejects a text that is not a signed token: $what', ({ token }) => {
  expect(readJws(token)).toBe('token-malformed')
})

test.each([
  { what: 'array', payload: '[]' },
  { what: 'string', payload: '"a"' },
  { what: 'nested JWT', payload: good },
  { what: 'BOM', payload: '\ufeff{}' },
  { what: '2,000 levels', payload: `${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}` },
])(
  'S-069: the JWS reader rejects a token whose payload is no JSON object or too deeply nested: $what',
  ({ payload }) => {
    expect(readJws(unsigned(header, payload))).toBe('token-malformed')
  },
)

test.each([
  Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
  Buffer.from('{"a":"é"}', 'latin1'),
  Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]),
  Buffer.from('{}', 'utf16le'),
])('S-069: the JWS reader rejects a token whose payload or header is not UTF-8', (bytes) => {
  expect(readJws(`${h}.${bytes.toString('base64url')}.${s}`)).toBe('token-malformed')
  expect(readJws(`${bytes.toString('base64url')}.${p}.${s}`)).toBe('token-malformed')
})

test.each([
  { crit: ['exp'] },
  { crit: ['x'] },
  { crit: [] },
  { b64: false },
  { b64: true },
  { crit: ['b64'], b64: false },
])('S-057: the JWS reader rejects a token with %j in its header', (members) => {
  expect(readJws(unsigned({ ...header, ...members }, claimsOf()))).toBe('token-critical-header')
})

test('S-063: the JWS reader rejects a token with a duplicate member in the header or the claims', () => {
  expect(readJws(unsigned('{"alg":"ES256","alg":"none"}', claimsOf()))).toBe('token-duplicate-member')
  expect(readJws(unsigned(header, '{"aud":"a","aud":"b"}'))).toBe('token-duplicate-member')
})

test('the JWS reader never throws, whatever text it reads', () => {
  const part = fc.oneof(fc.base64String(), fc.string(), fc.json().map(encode), fc.constantFrom(h, p, s, ''))
  const token = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(part, { maxLength: 6 }).map((parts) => parts.join('.')),
  )
  fc.assert(
    fc.property(token, (text) => {
      readJws(text)
    }),
    { numRuns: 2_000 },
  )
})

test('of all texts that decode to the same bytes, the JWS reader accepts only one', () => {
  const character = fc.constantFrom(...'ABCDwxyz0189-_+/= \n.\u00e9')
  fc.assert(
    fc.property(fc.nat(good.length), fc.nat(1), character, (at, removed, inserted) => {
      const other = good.slice(0, at) + inserted + good.slice(at + removed)
      fc.pre(other !== good && typeof readJws(other) === 'object')
      const bytes = (text: string) => text.split('.').map((each) => Buffer.from(each, 'base64url').toString('hex'))
      expect(bytes(other)).not.toEqual(bytes(good))
    }),
    { numRuns: 1_000 },
  )
})
