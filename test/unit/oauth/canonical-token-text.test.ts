import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalTokenText } from '../../../gateway/oauth/token-text.ts'

// An issuer can accept several texts of one opaque token. All of them have the same canonical text, and two different
// tokens never have the same one.

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const key = randomBytes(32).toString('base64url')
const signature = randomBytes(32).toString('base64url')
const token = `${key}.${signature}`

/** Returns `part` and all texts that differ only in bits of the last character that do not change the decoded bytes. */
function spellings(part: string): string[] {
  const dropped = { 2: 4, 3: 2 }[part.length % 4] ?? 0
  const last = alphabet.indexOf(part.at(-1)!)
  const others = Array.from({ length: 2 ** dropped }, (_, bits) => ((last >> dropped) << dropped) | bits)
  return others.map((value) => part.slice(0, -1) + alphabet[value])
}

test('opaque tokens whose last characters decode to the same bytes have the same canonical text', () => {
  const texts = spellings(key).flatMap((k) => spellings(signature).map((s) => `${k}.${s}`))
  expect(new Set(texts).size).toBe(16)

  expect(new Set(texts.map(canonicalTokenText))).toEqual(new Set([token]))
})

// fosite and Authelia accept a token with and without their own prefix: they remove the prefix at most once, and look
// the token up by the part after the dot.
test.each(['ory_at_', 'authelia_at_', 'acme_at_', 'acme-at-', 'hydra_acme_at_', 'acmeat'])(
  'an opaque token has the same canonical text with and without the prefix %s',
  (prefix) => {
    const texts = spellings(key).map((k) => `${prefix}${k}.${signature}`)

    expect(new Set(texts.map(canonicalTokenText))).toEqual(new Set([token]))
  },
)

test('an opaque token with a key of 64 bytes has the same canonical text with and without the prefix of Ory Hydra or Authelia', () => {
  const long = `${randomBytes(64).toString('base64url')}.${signature}`

  expect(canonicalTokenText(`ory_at_${long}`)).toBe(canonicalTokenText(long))
  expect(canonicalTokenText(`authelia_at_${long}`)).toBe(canonicalTokenText(long))
})

test('an opaque token whose key starts like a prefix keeps the whole key in its canonical text', () => {
  const lookalike = `x_at_${key.slice(5)}`

  expect(canonicalTokenText(`${lookalike}.${signature}`)).toBe(canonicalTokenText(`ory_at_${lookalike}.${signature}`))
  expect(canonicalTokenText(`${lookalike}.${signature}`)).toContain('x_at_')
})

test('padding and the characters + and / of plain base64 do not change the canonical text of an opaque token', () => {
  const bytes = Buffer.from([0xfb, 0xff, 0xbf, 0xfe])
  const base64 = bytes.toString('base64')
  expect(base64).toMatch(/[+/].*==$/)

  expect(canonicalTokenText(base64)).toBe(bytes.toString('base64url'))
  expect(canonicalTokenText(`${key}=.${signature}=`)).toBe(token)
})

test.each([
  ['other bytes before the dot', `${randomBytes(32).toString('base64url')}.${signature}`],
  ['other bytes after the dot', `${key}.${randomBytes(32).toString('base64url')}`],
  ['its two parts exchanged', `${signature}.${key}`],
  ['only its first part', key],
  ['an additional third part', `${token}.AAAA`],
])('an opaque token with %s has a different canonical text', (_, other) => {
  expect(canonicalTokenText(other)).not.toBe(token)
})

test.each(['token', 'tok-1', 'a~b', 'acme.live.other', '..', 'ab=c', '===='])(
  'the canonical text of a token that is not base64url is the token itself: %s',
  (text) => {
    expect(canonicalTokenText(text)).toBe(text)
  },
)

test('the canonical text of a canonical token text is the same text, for random texts', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^(ory_at_)?[A-Za-z0-9._~+/-]{0,100}={0,2}$/), (text) => {
      expect(canonicalTokenText(canonicalTokenText(text))).toBe(canonicalTokenText(text))
    }),
  )
})
