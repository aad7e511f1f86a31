// S-106, S-111: the cache finds token facts by the whole token, and the table of the cache never grows.

import { expect, test } from 'vitest'
import { noRevocationLookup, type TokenFacts } from '../../../gateway/oauth/token-facts.ts'
import { FactsCache } from '../../../gateway/tokens/facts-cache.ts'
import { fc } from '../../kit/properties.ts'
import { factsOf } from '../oauth/known-facts.ts'
import { nowMs } from '../oauth/token-text.ts'

/** Returns a token with a common ending, so that all of these tokens can use the same slots. */
const alike = (name: string) => `${name}.the-same-signature-in-every-one`

test.each([
  { entries: 0, capacity: 4 },
  { entries: 4, capacity: 4 },
  { entries: 5, capacity: 8 },
  { entries: 1_000, capacity: 1_024 },
])('a cache of token facts that is configured for $entries entries has $capacity slots', ({ entries, capacity }) => {
  expect(new FactsCache(entries).capacity).toBe(capacity)
})

test('S-106: the cache of token facts distinguishes tokens with equal prefixes or suffixes', () => {
  const cache = new FactsCache(64)
  const prefix = 'x'.repeat(64)
  const tokens = [alike('a'), alike('b'), `${prefix}.1`, `${prefix}.2`, '', 'x']
  const facts = new Map(tokens.slice(0, 4).map((token) => [token, factsOf()]))
  for (const [token, each] of facts) cache.insert(token, each, nowMs)
  for (const token of tokens) expect(cache.find(token)).toBe(facts.get(token))
  expect(cache.find(`${alike('a')} `)).toBeUndefined()
})

test('the cache of token facts evicts the least recently used of four entries', () => {
  const cache = new FactsCache(4)
  for (const name of ['a', 'b', 'c', 'd']) cache.insert(alike(name), factsOf(), nowMs)
  cache.find(alike('a'))
  cache.insert(alike('e'), factsOf(), nowMs)
  expect(['a', 'b', 'c', 'd', 'e'].filter((name) => cache.find(alike(name)))).toEqual(['a', 'c', 'd', 'e'])
})

test.each([
  { what: 'expired', facts: factsOf({ exp: nowMs / 1000 + 10 }), laterMs: nowMs + 15_000 },
  { what: 'revoked', facts: { ...factsOf(), revocation: { ...noRevocationLookup(), revoked: true } }, laterMs: nowMs },
  { what: 'signed with a retired key', facts: factsOf({}, nowMs, false), laterMs: nowMs },
])(
  'the cache of token facts evicts an entry whose token is $what first, even if it was used last',
  ({ facts, laterMs }) => {
    const cache = new FactsCache(4)
    for (const name of ['a', 'b', 'c']) cache.insert(alike(name), factsOf(), nowMs)
    cache.insert(alike('dead'), facts, nowMs)
    cache.insert(alike('new'), factsOf(), laterMs)
    expect(['a', 'b', 'c', 'dead', 'new'].filter((name) => cache.find(alike(name)))).toEqual(['a', 'b', 'c', 'new'])
  },
)

test('a token that is validated again replaces its old entry in the cache of token facts and evicts no other entry', () => {
  const cache = new FactsCache(4)
  for (const name of ['a', 'b', 'c', 'd']) cache.insert(alike(name), factsOf(), nowMs)
  const anew = factsOf()
  cache.insert(alike('a'), anew, nowMs)
  expect(cache.find(alike('a'))).toBe(anew)
  expect(['b', 'c', 'd'].every((name) => cache.find(alike(name)))).toBe(true)
})

test('for each token, the cache of token facts returns the newest facts or, after an eviction, nothing', () => {
  const token = fc.tuple(fc.nat(50), fc.nat(3)).map(([a, b]) => `${a}.${String(b).repeat(20)}`)
  fc.assert(
    fc.property(fc.array(token, { maxLength: 200 }), (tokens) => {
      const cache = new FactsCache(16)
      const last = new Map<string, TokenFacts>()
      for (const each of tokens) {
        last.set(each, factsOf())
        cache.insert(each, last.get(each)!, nowMs)
        expect(cache.find(each)).toBe(last.get(each))
      }
      for (const [each, facts] of last) expect([facts, undefined]).toContain(cache.find(each))
    }),
    { numRuns: 50 },
  )
})

test('the cache of token facts with 1,024 slots holds more than 450 of 512 random tokens', () => {
  const cache = new FactsCache(1_024)
  const tokens = Array.from(
    { length: 512 },
    () => `t.${Buffer.from(crypto.getRandomValues(new Uint8Array(64))).toString('base64url')}`,
  )
  const facts = factsOf()
  for (const token of tokens) cache.insert(token, facts, nowMs)
  expect(tokens.filter((token) => cache.find(token)).length).toBeGreaterThan(450)
})
