// docs/design/contract.md §7, §10: `gatehouse explain` shows the limits of the route, and the rate-limit windows that
// would count the request.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { explainOffline } from '../../../gateway/cli/explain-offline.ts'
import { askedRequest } from '../../../gateway/cli/explained-request.ts'
import { explanationLines } from '../../../gateway/cli/explanation-text.ts'
import { TestIssuer, testAudience } from '../../kit/issuer.ts'

const root = mkdtempSync(join(tmpdir(), 'explain-limits-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** An issuer that is not started: it only signs tokens. */
const issuer = new TestIssuer({})
const policy = join(root, 'policy.yaml')
writeFileSync(
  policy,
  `version: 1
issuers: { main: { issuer: "${issuer.url}", audience: ["${testAudience}"] } }
limits: [{ name: all, by: address, requests: 1000, window: 10s }]
services:
  orders:
    upstreams: ["http://orders:8080"]
    routes:
      - id: read
        match: { path: /orders/** }
        require: { scopes: { all: ["orders:read"] } }
        limits:
          - { name: own, by: [subject, { claim: tenant }], requests: 1, window: 1m }
          - { name: tried, by: route, requests: 5, window: 1s, cost: 5, shadow: true }
      - id: live
        match: { path: /live/**, methods: [GET] }
        require: { scopes: { all: ["orders:read"] } }
        websocket: {}
        limits: [{ name: chatter, by: subject, messages: 100, window: 10s }]
      - { id: open, match: { path: /open }, require: public }
`,
)

const explain = (url: string, token?: string) =>
  explainOffline(askedRequest('GET', url, { header: [], address: '2001:db8::7', ...(token && { token }) }), {
    policy,
  })

test('`gatehouse explain` shows the limits of the policy and of the route, each with the window that would count the request', async () => {
  const explained = await explain('/orders/1', issuer.sign({ claims: { tenant: 7 } }))

  expect(explained.decision).toBe('admitted')
  expect(explained.limits).toEqual([
    {
      limit: 'gate/all',
      by: ['address'],
      bucket: { address: '2001:db8:0:0::/64' },
      requests: 1000,
      messages: null,
      window_ms: 10_000,
      cost: 1,
      mode: 'leased',
      shadow: false,
      charged: false,
      used: null,
      held: null,
    },
    {
      limit: 'route/read/own',
      by: ['subject', 'claim tenant'],
      bucket: { issuer: issuer.url, subject: 'alice', 'claim tenant': 7 },
      requests: 1,
      messages: null,
      window_ms: 60_000,
      cost: 1,
      mode: 'exact',
      shadow: false,
      charged: false,
      used: null,
      held: null,
    },
    {
      limit: 'route/read/tried',
      by: ['route'],
      bucket: { route: 'read' },
      requests: 5,
      messages: null,
      window_ms: 1000,
      cost: 5,
      mode: 'exact',
      shadow: true,
      charged: false,
      used: null,
      held: null,
    },
  ])
  expect(explanationLines(explained).filter((line) => line.includes('route/read'))).toEqual([
    `              route/read/own  1 in 60 s by subject, claim tenant, exact; window of issuer=${issuer.url} subject=alice claim tenant=7: not charged`,
    '              route/read/tried  5 in 1 s by route, exact, counts as 5, in shadow mode, not enforced; window of route=read: not charged',
  ])
})

test('`gatehouse explain` shows a limit that counts messages of WebSockets', async () => {
  const explained = await explain('/live/1', issuer.sign())

  expect(explained.limits?.at(-1)).toMatchObject({
    limit: 'route/live/chatter',
    by: ['subject'],
    bucket: null,
    requests: null,
    messages: 100,
    window_ms: 10_000,
    mode: 'node',
  })
  expect(explanationLines(explained).filter((line) => line.includes('chatter'))).toEqual([
    '              route/live/chatter  100 messages in 10 s by subject, counted by each node on open WebSockets',
  ])
})

test('`gatehouse explain` charges no limit: two explanations of a request with a limit of 1 are both admitted', async () => {
  const token = issuer.sign()

  expect(await explain('/orders/1', token)).toMatchObject({
    decision: 'admitted',
    phases: expect.arrayContaining(['limit-subject']),
  })
  expect(await explain('/orders/1', token)).toMatchObject({ decision: 'admitted' })
})

test.each([
  ['none if the gate refuses the request before it checks the limits', '/orders/1', [null, null, null]],
  ['on a public route only those of limits by address or route', '/open', [{ address: '2001:db8:0:0::/64' }]],
])('`gatehouse explain` shows the rate-limit windows that would count a request: %s', async (_, url, buckets) => {
  expect((await explain(url)).limits?.map(({ bucket }) => bucket)).toEqual(buckets)
})

test('`gatehouse explain` shows no limits for a request without a route', async () => {
  expect((await explain('/nowhere')).limits).toBeNull()
})
