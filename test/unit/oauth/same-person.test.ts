import { expect, test } from 'vitest'
import { flawInPair } from '../../../gateway/oauth/same-person.ts'
import { publicClient } from '../issuers/public-client.ts'
import { claimsOf, rulesOf, unsigned } from './token-text.ts'

// An access token for the gate and the ID token of a login must be tokens of one issuer about one user.

const identity = { iss: 'https://idp.example', sub: 'alice', oid: 'o-1', empty: '', list: ['o-1'] }
const other = 'its sub is not that of the ID token'
const noCommon = 'do not have the same claim'

test.each([
  ['the same sub', {}, undefined, undefined],
  ['another sub', { sub: 'bob' }, undefined, other],
  ['no sub', { sub: undefined }, undefined, other],
  ['a sub that is no text', { sub: 7 }, undefined, other],
  ['another sub, and the same oid', { sub: 'bob', oid: 'o-1' }, 'oid', undefined],
  ['the same sub, and another oid', { oid: 'o-2' }, 'oid', noCommon],
  ['the same sub, and no oid', {}, 'oid', noCommon],
  ['an empty claim that both have', { empty: '' }, 'empty', noCommon],
  ['a list that both have', { list: ['o-1'] }, 'list', noCommon],
  ['another issuer', { iss: 'https://evil.example' }, undefined, 'its iss is not that of the ID token'],
  [
    'another issuer and another audience',
    { iss: 'https://evil.example', aud: 'https://graph.example', sub: 'x' },
    undefined,
    undefined,
  ],
  [
    'another sub, and the gate among its audiences',
    { aud: ['https://graph.example', 'https://api.example'], sub: 'bob' },
    undefined,
    other,
  ],
])(
  'whether an access token with %s belongs to the user of the ID token (subject_claim %s): $3 (undefined: yes)',
  (_, changes, subjectClaim, flaw) => {
    const rules = rulesOf({ login: { ...publicClient, subjectClaim } })
    const found = flawInPair(unsigned({ alg: 'ES256' }, claimsOf(changes)), identity, rules)

    expect(found).toEqual(flaw === undefined ? undefined : expect.stringContaining(flaw))
  },
)

test('an opaque access token is accepted without a comparison with the ID token', () => {
  expect(flawInPair('opaque-token', identity, rulesOf({ login: publicClient }))).toBeUndefined()
})
