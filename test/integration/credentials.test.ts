import { expect, test } from 'vitest'
import { startIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { startUpstream } from '../kit/upstream.ts'
import { admitted, badToken, type Gate, noCredential, type Refusal, refused } from './admission.ts'

// A request presents one credential, in the Authorization field, or none: RFC 6750 §2.1, §3.1; RFC 9110 §11.6.2.

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
  { title: 'an empty Authorization field', fields: authorization('') },
  { title: 'Basic credentials', fields: authorization('Basic YTpi') },
  { title: 'an unknown scheme', fields: authorization(`Bearers ${good}`) },
  { title: 'a valid token only in another field', fields: [['X-Authorization', `Bearer ${good}`]] as const },
  { title: 'a valid token only in a cookie', fields: [['Cookie', `access_token=${good}`]] as const },
])('the gate replies 401 with a challenge without an error code to a request with $title', ({ fields }) =>
  refused(gate, { target, fields }, noCredential),
)

test.concurrent('the gate replies 401 to a request with a token only in the query (RFC 9700 §4.3.2)', () =>
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
])('S-050: the gate replies $refusal.status to a request with the Authorization value "$value"', ({ value, refusal }) =>
  refused(gate, { target, fields: authorization(value) }, refusal),
)

test.concurrent.each(['bearer', 'BEARER', 'bEARER'])('S-050: the gate treats %s as scheme Bearer', async (scheme) => {
  await admitted(gate, { target, fields: authorization(`${scheme} ${good}`) })
})

test.concurrent.each([
  { title: 'the same token twice', fields: authorization(`Bearer ${good}`, `Bearer ${good}`) },
  { title: 'a valid token before an invalid one', fields: authorization(`Bearer ${good}`, 'Bearer x') },
  { title: 'an invalid token before a valid one', fields: authorization('Bearer x', `Bearer ${good}`) },
  { title: 'an empty field before a valid token', fields: authorization('', `Bearer ${good}`) },
  {
    title: 'field names in different letter case',
    fields: [...authorization(`Bearer ${good}`), ['aUTHORIZATION', 'Basic YTpi']] as const,
  },
])('the gate replies 400 before route matching to two Authorization fields: $title', async ({ fields }) => {
  const { challenge: _, ...told } = twice
  // The gate does not check the fields after the second Authorization field, so it does not know the framing and
  // closes the connection.
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
  // Some services compare parameter names case-insensitively.
  'ACCESS_TOKEN=x',
])('the gate rejects a token in the query beside one in Authorization as two credentials (RFC 6750 §2): ?%s', (query) =>
  refused(gate, { target: `${target}?${query}`, token: good }, twice),
)

test.concurrent.each(['my_access_token=x', 'access_tokens=x', 'x=access_token', 'access_token'])(
  'the gate does not read the query ?%s as a credential',
  async (query) => {
    const { received } = await admitted(gate, { target: `${target}?${query}`, token: good })

    expect(received.url).toBe(`${target}?${query}`)
  },
)

test.concurrent.each([
  { title: 'no credential', fields: [] },
  { title: 'an invalid token', fields: authorization('Bearer x') },
  { title: 'Basic credentials', fields: authorization('Basic YTpi') },
])(
  'the gate admits a request with $title on a public route, and forwards no Authorization field',
  async ({ fields }) => {
    const { received } = await admitted(gate, { target: '/public/page', fields })

    expect(received.all('authorization')).toEqual([])
    expect(received.all('x-gatehouse-jwt-assertion')).toEqual([])
  },
)
