import { expect, test } from 'vitest'
import { fillIdentity, isUnknownClaim, withUnknown } from '../../../gateway/oauth/identity-claims.ts'

// Claims about the user of a session: which token they come from, and which of them the gate does not know.

const id = { email: 'id@x.test', email_verified: true, groups: ['id'], hd: 'x.test', role: 'admin' }

test.each([
  ['nothing', {}, { email: 'id@x.test', email_verified: true, groups: ['id'], hd: 'x.test' }],
  ['groups', { groups: [] }, { email: 'id@x.test', email_verified: true, groups: [], hd: 'x.test' }],
  ['only an address', { email: 'at@x.test' }, { email: 'at@x.test', groups: ['id'], hd: 'x.test' }],
  [
    'only a verification',
    { email_verified: true },
    { email: 'id@x.test', email_verified: true, groups: ['id'], hd: 'x.test' },
  ],
  [
    'a claim named __proto__',
    JSON.parse('{"__proto__":1}'),
    { ...JSON.parse('{"__proto__":1}'), email: 'id@x.test', email_verified: true, groups: ['id'], hd: 'x.test' },
  ],
])(
  'the gate adds to an access token with %s the identity claims of the ID token that it lacks, and no other claims',
  (_, own, expected) => {
    expect(fillIdentity(own, id)).toEqual(expected)
  },
)

test('email_verified of the ID token does not count for an e-mail address of the access token', () => {
  const filled = fillIdentity({ email: 'at@x.test', email_verified: false }, id)

  expect([filled['email'], filled['email_verified']]).toEqual(['at@x.test', false])
})

test.each([
  ['groups', undefined, false],
  ['groups', 'identity', true],
  ['tenant', 'identity', false],
  ['tenant', 'all', true],
  ['known', 'all', false],
  ['amr', 'all', false],
] as const)(
  'whether the gate treats the absent claim %s as unknown if the claims have the mark %s: %s',
  (name, mark, expected) => {
    expect(isUnknownClaim(withUnknown({ known: 1 }, mark), name)).toBe(expected)
  },
)
