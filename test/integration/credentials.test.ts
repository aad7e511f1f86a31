import { expect, test } from 'vitest'
import { startIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { startUpstream } from '../kit/upstream.ts'
import { admitted, badToken, type Gate, noCredential, type Refusal, refused } from './admission.ts'

// How a credential is presented: RFC 6750 §2.1, §3.1; RFC 9110 §11.6.2. One, in the Authorization field, or none.

const issuer = await startIssuer()
const orders = await startUpstream()
const node = await startNode({ policy: testPolicy({ issuer: issuer.url, orders: orders.url }) })
const gate: Gate = { node, services: [orders] }

const target = '/orders/1'
const good = issuer.sign()
const authorization = (...values: string[]) => values.map((value) => ['Authorization', value] as const)

const malformed: Refusal = {
  status: 400,
  code: 'invalid_request',
  reason: 'credential-malformed',
  challenge: 'Bearer error="invalid_request"',
}
const twice: Refusal = { ...malformed, reason: 'credential-repeated' }

test.concurrent.each([
  { title: 'no Authorization field', fields: [] },
  { title: 'an empty one', fields: authorization('') },
  { title: 'Basic, which is not accepted', fields: authorization('Basic YTpi') },
  { title: 'DPoP, which cannot be checked here (S-078)', fields: authorization(`DPoP ${good}`) },
  { title: 'a scheme that nobody knows', fields: authorization(`Bearers ${good}`) },
  { title: 'a good token only in a field of another name', fields: [['X-Authorization', `Bearer ${good}`]] as const },
  { title: 'a good token only in a cookie', fields: [['Cookie', `access_token=${good}`]] as const },
])('$title counts as no credential: 401 with a challenge without error', ({ fields }) =>
  refused(gate, { target, fields }, noCredential),
)

test.concurrent('a token only in the query counts as no credential (RFC 9700 §4.3.2)', () =>
  refused(gate, { target: `${target}?access_token=${good}` }, noCredential))

test.concurrent.each([
  { value: 'Bearer', refusal: malformed },
  { value: `Bearer  ${good}`, refusal: malformed },
  { value: `Bearer ${good} ${good}`, refusal: malformed },
  { value: `Bearer ${good}, ${good}`, refusal: malformed },
  { value: good, refusal: malformed },
  { value: `Be@rer ${good}`, refusal: malformed },
  { value: 'Bearer a,b', refusal: badToken('token-malformed') },
  { value: 'bearer x', refusal: badToken('token-malformed') },
])('S-050: Authorization "$value" gets $refusal.status', ({ value, refusal }) =>
  refused(gate, { target, fields: authorization(value) }, refusal),
)

test.concurrent.each(['bearer', 'BEARER', 'bEARER'])('S-050: the scheme %s is accepted as Bearer', async (scheme) => {
  await admitted(gate, { target, fields: authorization(`${scheme} ${good}`) })
})

test.concurrent.each([
  { title: 'the same one twice', fields: authorization(`Bearer ${good}`, `Bearer ${good}`) },
  { title: 'a good one before a bad one', fields: authorization(`Bearer ${good}`, 'Bearer x') },
  { title: 'a bad one before a good one', fields: authorization('Bearer x', `Bearer ${good}`) },
  { title: 'an empty one before a good one', fields: authorization('', `Bearer ${good}`) },
  {
    title: 'names in two cases',
    fields: [...authorization(`Bearer ${good}`), ['aUTHORIZATION', 'Basic YTpi']] as const,
  },
])('two Authorization fields, $title, get 400 before route matching', async ({ fields }) => {
  const { challenge: _, ...told } = twice
  // What stands behind the second is not looked at, framing neither: so the connection ends.
  const refusal = { ...told, closes: true }

  await refused(gate, { target, fields }, refusal)
  await refused(gate, { target: '/nowhere', fields }, refusal)
})

test.concurrent.each([
  'access_token=x',
  'a=1&access_token=x',
  'access_token=',
  'access%5Ftoken=x',
  '%61ccess_token=x',
  '%61%63%63%65%73%73%5f%74%6f%6b%65%6e=x',
  'x=1&access_token=x#',
  // Some services read names without regard to case.
  'ACCESS_TOKEN=x',
])('a token in the query beside one in Authorization counts as two credentials (RFC 6750 §2): ?%s', (query) =>
  refused(gate, { target: `${target}?${query}`, token: good }, twice),
)

test.concurrent.each(['my_access_token=x', 'access_tokens=x', 'x=access_token', 'access_token'])(
  'a query parameter other than access_token is not a credential: ?%s',
  async (query) => {
    const { received } = await admitted(gate, { target: `${target}?${query}`, token: good })

    expect(received.url).toBe(`${target}?${query}`)
  },
)

test.concurrent.each([
  { title: 'none', fields: [] },
  { title: 'a bad one', fields: authorization('Bearer x') },
  { title: 'one of another scheme', fields: authorization('Basic YTpi') },
])('a public route ignores any credential, $title, and forwards none', async ({ fields }) => {
  const { received } = await admitted(gate, { target: '/public/page', fields })

  expect(received.all('authorization')).toEqual([])
  expect(received.all('x-gatehouse-jwt-assertion')).toEqual([])
})
