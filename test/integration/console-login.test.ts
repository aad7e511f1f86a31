import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { ConsoleClient, fromConsole, problemCode } from '../kit/console-client.ts'
import { startIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { connect, requestBytes } from '../kit/raw-client.ts'
import { testRedis } from '../kit/redis.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

// Log-in to the console with a token: docs/guide/console.md. Two nodes share the sessions in Redis; a third has no Redis.

// The issuer of the policy is also the admin issuer, so that its tokens for the admin API can be revoked.
const [issuer, orders, redis] = await Promise.all([startIssuer(), startUpstream(), testRedis()])
const bootstrap = 'bootstrap-token-of-the-console-tests-0123456789'
const adminAudience = 'https://gate.test/admin'
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-console-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))
const bootstrapFile = join(folder, 'bootstrap')
const writeBootstrap = (token: string) => writeFileSync(bootstrapFile, `${token}\n`, { mode: 0o600 })
writeBootstrap(bootstrap)

const policy = testPolicy({ issuer: issuer.url, orders: orders.url })
const admin = {
  listen: '127.0.0.1:0',
  issuer: { issuer: issuer.url, audience: [adminAudience], clock_tolerance: '0s' },
  bootstrap_token: { file: bootstrapFile },
}
const alone = await startNode({ policy, settings: { admin } })
const TEST_ENCRYPTION_KEY = randomBytes(32).toString('base64url')
const inCluster = (id: string) =>
  startNode({
    policy,
    settings: {
      node: { id },
      admin,
      redis: { url: `redis://127.0.0.1:${redis.port}` },
      keys: {
        assertion: [{ id: 'test-1', secret: { file: 'assertion.jwk' } }],
        encryption: [{ id: 'seal-1', secret: { env: 'TEST_ENCRYPTION_KEY' } }],
      },
    },
    env: { TEST_ENCRYPTION_KEY },
  })
const [first, second] = await Promise.all([inCluster('first'), inCluster('second')])

const tokenOf = (scope: string, claims: object = {}) =>
  issuer.sign({ claims: { aud: adminAudience, sub: 'olga', client_id: 'console', scope, ...claims } })

test.each([
  ['without Redis', () => alone],
  ['with Redis', () => first],
])(
  'a log-in to the console with an access token opens a console session with the scopes of the token, on a node %s',
  async (_, nodeOf) => {
    const browser = new ConsoleClient(nodeOf().adminPort)
    const token = tokenOf('gatehouse:read')

    const reply = await browser.logIn(token)
    expect([reply.status, reply.text]).toEqual([204, ''])
    expect(reply.field('set-cookie')).toMatch(
      /^gatehouse-console-\d+=[A-Za-z0-9_-]{43}\.[0-9a-f]{32}; Path=\/; HttpOnly; SameSite=Strict$/,
    )

    const session = await browser.session()
    expect([session.status, session.json()]).toMatchObject([
      200,
      {
        who: 'olga',
        client: 'console',
        credential: 'access token',
        scopes: ['gatehouse:read'],
        login: { oidc: false, token: true },
      },
    ])
    expect(session.text).not.toContain(token)
    expect((await browser.call({ target: '/status' })).status).toBe(200)
    const forbidden = await browser.call({ target: '/api/v1/limits' })
    expect([forbidden.status, problemCode(forbidden)]).toEqual([403, 'insufficient_scope'])
  },
)

test('a session of the console opened at one node is valid at another node, and a log-out ends it at both', async () => {
  const browser = new ConsoleClient(first.adminPort)
  await browser.logIn(bootstrap)
  // A balancer sends both nodes the same Host.
  const other = new ConsoleClient(second.adminPort, `127.0.0.1:${first.adminPort}`)
  for (const [name, value] of browser.cookies) other.cookies.set(name, value)
  expect((await other.session()).status).toBe(200)

  const [cookie] = browser.cookies
  const reply = await browser.logOut()
  expect([reply.status, browser.cookies.size]).toEqual([204, 0])
  browser.cookies.set(...cookie!)
  for (const each of [browser, other]) expect(problemCode(await each.session())).toBe('session_ended')
})

test('a second log-in of a browser to the console opens a console session under a new id and ends the first one', async () => {
  const browser = new ConsoleClient(alone.adminPort)
  await browser.logIn(bootstrap)
  const [[name, old]] = [...browser.cookies] as [[string, string]]
  await browser.logIn(bootstrap)
  expect(browser.cookies.get(name)).not.toBe(old)

  const before = new ConsoleClient(alone.adminPort)
  before.cookies.set(name, old)
  expect(problemCode(await before.session())).toBe('session_ended')
  expect((await browser.session()).status).toBe(200)
})

test('a console session ends when its access token expires', async () => {
  const expS = Math.floor(Date.now() / 1000) + 3
  const browser = new ConsoleClient(first.adminPort)
  const reply = await browser.logIn(tokenOf('gatehouse:read', { exp: expS }))
  expect(reply.status).toBe(204)
  await until('the token has expired', () => Date.now() > expS * 1000)
  const after = await browser.call({ target: '/status' })
  expect([after.status, problemCode(after)]).toEqual([401, 'session_ended'])
})

test('a console session ends at every node when its access token is revoked', async () => {
  const browser = new ConsoleClient(first.adminPort)
  const subject = 'rita'
  await browser.logIn(tokenOf('gatehouse:read', { sub: subject }))
  expect((await browser.session()).status).toBe(200)
  const order = { kind: 'subject', id: subject, issuer: 'main' }
  const operator = new ConsoleClient(second.adminPort)
  const fields = [] as const
  const revoked = await operator.call({
    method: 'POST',
    target: '/api/v1/revocations',
    token: bootstrap,
    document: order,
    fields,
  })
  expect(revoked.status).toBeLessThan(300)

  const other = new ConsoleClient(second.adminPort, `127.0.0.1:${first.adminPort}`)
  for (const [name, value] of browser.cookies) other.cookies.set(name, value)
  for (const each of [other, browser]) {
    await until('the node has applied the revocation', async () => (await each.session()).status === 401)
  }
})

test('a console session of the bootstrap token ends when the bootstrap token has been replaced twice', async () => {
  const browser = new ConsoleClient(alone.adminPort)
  await browser.logIn(bootstrap)
  const changes = () => alone.log.filter(({ msg }) => msg === 'secret changed; the new value is in use').length
  const atStart = changes()
  try {
    writeBootstrap(`${bootstrap}-second`)
    await until('the first change is in use', () => changes() === atStart + 1)
    expect((await browser.call({ target: '/status' })).status).toBe(200)
    writeBootstrap(`${bootstrap}-third`)
    await until('the second change is in use', () => changes() === atStart + 2)
    expect(problemCode(await browser.call({ target: '/status' }))).toBe('session_ended')
  } finally {
    writeBootstrap(bootstrap)
    await until('the first token is in use again', () => changes() === atStart + 3)
  }
})

test('an event stream of the admin API that a console cookie opened ends at the log-out of the console session', async () => {
  const browser = new ConsoleClient(first.adminPort)
  await browser.logIn(bootstrap)
  const cookie = [...browser.cookies].map((pair) => pair.join('=')).join()
  const wire = await connect(first.adminPort)
  const fields = [...fromConsole, ['Cookie', cookie]] as const
  await wire.send(requestBytes({ target: '/api/v1/audit/stream', host: `127.0.0.1:${first.adminPort}`, fields }))
  expect((await wire.until('\r\n\r\n')).toString()).toContain('200 OK')
  await browser.logOut()
  await wire.rest()
  wire.close()
})

test('log-in and log-out of the console and calls with a console cookie each have a log line that names the session and never the token', async () => {
  const browser = new ConsoleClient(alone.adminPort)
  const token = tokenOf('gatehouse:read')
  const ids = []
  for (const reply of [await browser.logIn(token), await browser.call({ target: '/status' }), await browser.logOut()]) {
    ids.push(reply.field('x-request-id'))
  }
  const lines = await Promise.all(ids.map((wanted) => alone.waitForLine(({ id }) => id === wanted)))

  expect(lines).toMatchObject([
    { msg: 'admin call', operation: 'log_in_to_console', status: 204, who: 'olga', credential: 'access token' },
    { operation: 'show_status', status: 200, who: 'olga', credential: 'console session (access token)' },
    { operation: 'log_out_of_console', status: 204, who: 'olga', credential: 'console session (access token)' },
  ])
  expect(JSON.stringify(alone.log)).not.toContain(token)
})

test('repeated reads of the console share one log line, and each change and each call with a bearer token has its own', async () => {
  const browser = new ConsoleClient(alone.adminPort)
  await browser.logIn(tokenOf('gatehouse:read gatehouse:limits', { sub: 'reader' }))
  const ids: (string | undefined)[] = []
  const send = async (call: Parameters<typeof browser.call>[0]) => {
    ids.push((await browser.call(call)).field('x-request-id'))
  }
  for (let i = 0; i < 3; i++) await send({ target: `/api/v1/upstreams?x=${i}` })
  for (let i = 0; i < 3; i++) await send({ target: '/api/v1/upstreams' })
  for (let i = 0; i < 2; i++)
    await send({ method: 'POST', target: '/api/v1/limits/reset', document: { limit: 'x', key: {} } })
  for (let i = 0; i < 2; i++) await send({ target: '/status', token: bootstrap })

  await alone.waitForLine(({ id }) => id === ids.at(-1))
  const lines = alone.log.filter(({ msg, id }) => msg === 'admin call' && ids.includes(id as string))
  expect(lines.map(({ operation, status }) => [operation, status])).toEqual([
    ...Array.from({ length: 3 }, () => ['list_upstreams', 400]),
    ['list_upstreams', 200],
    ['reset_limit', 400],
    ['reset_limit', 400],
    ['show_status', 200],
    ['show_status', 200],
  ])
})

test.each([
  ['a token that is no token', { token: 'x' }, 401, 'invalid_token'],
  ['an empty token', { token: '' }, 400, 'invalid_request'],
  ['no member', {}, 400, 'invalid_request'],
  ['two members', { token: 'x', link: 'x' }, 400, 'invalid_request'],
  ['a link at a node without links', { link: 'x' }, 404, 'not_found'],
])('a log-in to the console with %s is rejected and sets no cookie', async (_, document, status, code) => {
  const browser = new ConsoleClient(alone.adminPort)
  const reply = await browser.call({ method: 'POST', target: '/console/session', document })
  expect([reply.status, problemCode(reply), reply.all('set-cookie')]).toEqual([status, code, []])
  expect(reply.field('content-type')).toBe('application/problem+json')
})

test('a console call without a session gets 401 and the log-ins that the console offers', async () => {
  const reply = await new ConsoleClient(alone.adminPort).session()
  expect([reply.status, reply.json()]).toMatchObject([
    401,
    { code: 'session_ended', login: { oidc: false, token: true } },
  ])
  const begun = await new ConsoleClient(alone.adminPort).call({ target: '/console/login' })
  expect([begun.status, problemCode(begun)]).toEqual([404, 'not_found'])
})

test('failed log-ins to the console from one address are limited, and a log-in with a recently accepted token still works', async () => {
  const from = '127.0.0.77'
  const browser = new ConsoleClient(second.adminPort)
  const logIn = (token: string) =>
    browser.call({ method: 'POST', target: '/console/session', document: { token }, from })
  expect((await logIn(bootstrap)).status).toBe(204)
  // The limit is 60 at once. The admin listener accepts 64 connections of one address.
  const statusesOf = async (calls: number) =>
    (await Promise.all(Array.from({ length: calls }, () => logIn('wrong')))).map(({ status }) => status)
  const statuses = new Set([...(await statusesOf(50)), ...(await statusesOf(50))])
  expect(statuses).toEqual(new Set([401, 429]))
  expect((await logIn(bootstrap)).status).toBe(204)
  expect((await new ConsoleClient(second.adminPort).logIn(bootstrap)).status).toBe(204)
})
