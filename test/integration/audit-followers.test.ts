import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { expect, test } from 'vitest'
import { FOLLOWERS_MAX } from '../../gateway/audit/audit-service.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { testRedis } from '../kit/redis.ts'
import { until } from '../kit/until.ts'

// A node limits the number of clients that follow the audit log. Only a connected client takes one of these slots.

const bootstrap = randomBytes(32).toString('base64url')
const [issuer, { port }] = await Promise.all([startIssuer(), testRedis()])
let publishKeys = () => {}
const held = new Promise<void>((resolve) => {
  publishKeys = resolve
})
issuer.answer('keys', { held })
const { adminPort } = await startNode({
  policy: testPolicy({ issuer: 'http://127.0.0.1:9', orders: 'http://127.0.0.1:9' }),
  settings: {
    redis: { url: `redis://127.0.0.1:${port}` },
    admin: {
      listen: '127.0.0.1:0',
      bootstrap_token: { env: 'BOOTSTRAP' },
      issuer: { issuer: issuer.url, audience: [testAudience] },
    },
  },
  env: { BOOTSTRAP: bootstrap },
})

const call = (path: string, { method = 'GET', token = bootstrap }) =>
  request({
    port: adminPort,
    path: `/api/v1/${path}`,
    method,
    headers: { authorization: `Bearer ${token}` },
    agent: false,
  })
    .on('error', () => {})
    .end()

async function statusOf(path: string, method = 'GET'): Promise<number | undefined> {
  const [{ statusCode }] = await once(call(path, { method }), 'response')
  return statusCode
}

test('a client that disconnects while its token is verified does not count as a follower of the audit log', async () => {
  const token = issuer.sign({ claims: { scope: 'gatehouse:audit' } })
  const calls = ['HEAD', 'GET'].flatMap((method) =>
    Array.from({ length: FOLLOWERS_MAX }, () => call('audit/stream', { method, token })),
  )
  await Promise.all(calls.map((each) => once(each, 'finish')))
  await until('the keys are asked for', () => issuer.fetches.keys > 0)
  // The node replies to this call only after it has received the calls before it.
  expect(await statusOf('nodes')).toBe(200)
  // The clients disconnect by a TCP reset, because a client that only closes its sending side still gets its reply.
  for (const each of calls) each.socket?.resetAndDestroy()
  expect(await statusOf('nodes')).toBe(200)
  publishKeys()

  await until('the token is known', async () => {
    const [{ statusCode }] = await once(call('audit/records?limit=1', { token }), 'response')
    return statusCode === 200
  })
  await until('there is room', async () => (await statusOf('audit/stream', 'HEAD')) === 200)
})

test('HEAD on the stream of audit records gets 200 and does not count as a follower of the audit log', async () => {
  for (let i = 0; i <= FOLLOWERS_MAX; i++) expect(await statusOf('audit/stream', 'HEAD')).toBe(200)
})
