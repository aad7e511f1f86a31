import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalTokenText } from '../../../gateway/oauth/token-text.ts'

// Texts that an issuer takes for one opaque token have one canonical form; texts of other tokens do not share it.

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const key = randomBytes(32).toString('base64url')
const signature = randomBytes(32).toString('base64url')
const token = `${key}.${signature}`

/** The texts whose last character differs only in bits that the decoder drops. */
function spellings(part: string): string[] {
  const dropped = { 2: 4, 3: 2 }[part.length % 4] ?? 0
  const last = alphabet.indexOf(part.at(-1)!)
  const others = Array.from({ length: 2 ** dropped }, (_, bits) => ((last >> dropped) << dropped) | bits)
  return others.map((value) => part.slice(0, -1) + alphabet[value])
}

test('tokens whose last characters decode to the same bytes have the same canonical text', () => {
  const texts = spellings(key).flatMap((k) => spellings(signature).map((s) => `${k}.${s}`))
  expect(new Set(texts).size).toBe(16)

  expect(new Set(texts.map(canonicalTokenText))).toEqual(new Set([token]))
})

// fosite and Authelia remove their prefix once if it is there, and look a token up by what is behind the dot.
test.each(['ory_at_', 'authelia_at_', 'acme_at_', 'acme-at-', 'hydra_acme_at_', 'acmeat'])(
  'the prefix %s changes nothing, with any last character',
  (prefix) => {
    const texts = spellings(key).map((k) => `${prefix}${k}.${signature}`)

    expect(new Set(texts.map(canonicalTokenText))).toEqual(new Set([token]))
  },
)

test('a longer key with a prefix of Ory Hydra or Authelia has a canonical text', () => {
  const long = `${randomBytes(64).toString('base64url')}.${signature}`

  expect(canonicalTokenText(`ory_at_${long}`)).toBe(canonicalTokenText(long))
  expect(canonicalTokenText(`authelia_at_${long}`)).toBe(canonicalTokenText(long))
})

test('a key that looks like a prefix is kept as a whole', () => {
  const lookalike = `x_at_${key.slice(5)}`

  expect(canonicalTokenText(`${lookalike}.${signature}`)).toBe(canonicalTokenText(`ory_at_${lookalike}.${signature}`))
  expect(canonicalTokenText(`${lookalike}.${signature}`)).toContain('x_at_')
})

test('padding and plain base64 characters do not change the canonical text', () => {
  const bytes = Buffer.from([0xfb, 0xff, 0xbf, 0xfe])
  const base64 = bytes.toString('base64')
  expect(base64).toMatch(/[+/].*==$/)

  expect(canonicalTokenText(base64)).toBe(bytes.toString('base64url'))
  expect(canonicalTokenText(`${key}=.${signature}=`)).toBe(token)
})

test.each([
  ['other bytes', `${randomBytes(32).toString('base64url')}.${signature}`],
  ['another signature', `${key}.${randomBytes(32).toString('base64url')}`],
  ['the parts in another order', `${signature}.${key}`],
  ['the key alone', key],
  ['a third part', `${token}.AAAA`],
])('a token with %s has another canonical text', (_, other) => {
  expect(canonicalTokenText(other)).not.toBe(token)
})

test.each(['token', 'tok-1', 'a~b', 'acme.live.other', '..', 'ab=c', '===='])(
  'a text that is not base64url stays as it is: %s',
  (text) => {
    expect(canonicalTokenText(text)).toBe(text)
  },
)

test('the canonical text of a canonical text is the same text', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^(ory_at_)?[A-Za-z0-9._~+/-]{0,100}={0,2}$/), (text) => {
      expect(canonicalTokenText(canonicalTokenText(text))).toBe(canonicalTokenText(text))
    }),
  )
})
