import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { foldMapped, parseAddress } from '../../../gateway/base/addresses.ts'
import type { LimitPart } from '../../../gateway/base/limit-rule.ts'
import { identityOf, identityParts, type LimitSubject } from '../../../gateway/limits/identity.ts'
import { RedisKeys } from '../../../gateway/redis/keys.ts'

// Which requests share a window of a rate limit (S-114, S-115, S-117). Each identity includes its issuer. Different
// combinations of names never give the same identity.

function who(parts: Partial<LimitSubject> & { claims?: Record<string, unknown> } = {}): LimitSubject {
  const { claims = {}, ...rest } = parts
  return {
    route: 'r',
    issuer: 'https://a.test',
    subject: 'alice',
    client: 'web',
    session: 's1',
    address: undefined,
    claim: ([name]) => claims[name!],
    ...rest,
  }
}

const address = (text: string) => ({ address: foldMapped(parseAddress(text)!) })
const long = (end: string) => `${'x'.repeat(6000)}${end}`
const hashOf = (text: string) => createHash('sha256').update(JSON.stringify(text)).digest('hex')
const tier: LimitPart = { claim: ['tier'] }

test.each<[string, LimitPart[], Parameters<typeof who>[0], Parameters<typeof who>[0], boolean]>([
  ['the same subject with another token', ['subject'], { session: 's1' }, { session: 's2' }, true],
  ['the same subject elsewhere', ['subject'], {}, { issuer: 'https://b.test' }, false],
  ['the same client elsewhere', ['client'], {}, { issuer: 'https://b.test' }, false],
  ['the same session elsewhere', ['session'], {}, { issuer: 'https://b.test' }, false],
  [
    'the same claim elsewhere',
    [tier],
    { claims: { tier: 1 } },
    { issuer: 'https://b.test', claims: { tier: 1 } },
    false,
  ],
  ['a number and its text', [tier], { claims: { tier: 1 } }, { claims: { tier: '1' } }, false],
  ['no claim and an empty one', [tier], {}, { claims: { tier: '' } }, false],
  ['no client and an empty one', ['client'], { client: undefined }, { client: '' }, false],
  ['two without a client', ['client'], { client: undefined }, { client: undefined, subject: 'bob' }, true],
  ['other routes, by subject', ['subject'], { route: 'a' }, { route: 'b' }, true],
  ['other routes, by route too', ['route', 'subject'], { route: 'a' }, { route: 'b' }, false],
  [
    'names with delimiters',
    ['subject', 'client'],
    { subject: 'a:b', client: 'c' },
    { subject: 'a', client: 'b:c' },
    false,
  ],
  [
    'names with quotes',
    ['subject', 'client'],
    { subject: 'a","client","b', client: 'c' },
    { subject: 'a', client: 'b","client","c' },
    false,
  ],
  ['long names that begin alike', ['subject'], { subject: long('a') }, { subject: long('b') }, false],
  ['a long name and its hash', ['subject'], { subject: long('a') }, { subject: hashOf(long('a')) }, false],
  [
    'a long claim with another token',
    [tier],
    { claims: { tier: [long('a')] } },
    { claims: { tier: [long('a')] } },
    true,
  ],
  ['lone surrogates', ['subject'], { subject: '\ud800' }, { subject: '\ud801' }, false],
  ['addresses of one /64', ['address'], address('2001:db8:1:2::1'), address('2001:db8:1:2:ffff::9'), true],
  ['addresses of two /64s', ['address'], address('2001:db8:1:2::1'), address('2001:db8:1:3::1'), false],
  ['an IPv4 address and its mapped form', ['address'], address('192.0.2.1'), address('::ffff:192.0.2.1'), true],
  ['two IPv4 addresses', ['address'], address('192.0.2.1'), address('192.0.2.2'), false],
])(
  'two requests have the same rate-limit identity if and only if they must share a window: %s',
  (_what, by, a, b, same) => {
    expect(identityOf(by, who(a)) === identityOf(by, who(b))).toBe(same)
  },
)

test('`limits list` can show the parts of a rate-limit identity, and the Redis key of its window shows none of them', () => {
  const identity = identityOf(
    ['subject', 'address', tier],
    who({ ...address('2001:db8::1'), claims: { tier: 'gold}:{x' } }),
  )
  const key = new RedisKeys('gh:').limit('exact', 'gate/l:1000:10000', identity)

  expect(identityParts(identity)).toEqual({
    issuer: 'https://a.test',
    subject: 'alice',
    address: '2001:db8:0:0::/64',
    'claim tier': 'gold}:{x',
  })
  expect(key).toMatch(/^gh:\{l[0-9a-f]{2}\}:exact:gate\/l:1000:10000:[0-9a-f]{32}$/)
})

test('a rate-limit identity has fewer than 400 characters even if the subject and a claim have 6,000 characters', () => {
  const identity = identityOf(['subject', tier], who({ subject: long(''), claims: { tier: { names: [long('')] } } }))

  expect(identity.length).toBeLessThan(400)
  expect(Object.keys(identityParts(identity))).toEqual(['issuer', 'sha256 subject', 'sha256 claim tier'])
})
