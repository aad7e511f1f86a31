// Operators list and end browser sessions with the admin API of any node and with the command line.

import { randomBytes } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { Sealer } from '../../gateway/base/sealer.ts'
import { noRevocationLookup } from '../../gateway/oauth/token-facts.ts'
import type { RedisLink } from '../../gateway/redis/redis-link.ts'
import { CookieValues } from '../../gateway/sessions/cookie-value.ts'
import { SessionHosts } from '../../gateway/sessions/session-hosts.ts'
import { issuerName } from '../../gateway/sessions/session-index.ts'
import { SessionStore } from '../../gateway/sessions/session-store.ts'
import { startNode } from '../kit/node.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { type RefreshProvider, startRefreshProvider } from '../kit/refresh-provider.ts'
import { runVerb } from '../kit/run-verb.ts'
import {
  encryptionKey,
  loginOf,
  type SessionNode,
  sessionPolicy,
  sessionSecrets,
  sessionSettings,
  startSessionNodes,
} from '../kit/session-node.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'

const key = encryptionKey('k')
const bootstrap = `bootstrap-${randomBytes(24).toString('base64url')}`
const hostile = 'Mozilla\x1b[2J\u202e(evil)'

let provider: RefreshProvider
let gate: TestNode
let holder: SessionNode
let link: RedisLink
let env: Readonly<Record<string, string>>
let gateOptions: Parameters<typeof startNode>[0]
let redisPort: number

beforeAll(async () => {
  provider = await startRefreshProvider()
  redisPort = (await testRedis()).port
  link = await testLink(redisSettingsFor(redisPort))
  ;[holder] = (await startSessionNodes({ nodes: 1, provider, redisPort, keys: [key] })) as [SessionNode]
  const settings = sessionSettings(redisPort, 'gh:', [key]) as { keys: object }
  gateOptions = {
    policy: sessionPolicy(provider),
    settings: {
      ...settings,
      keys: { ...settings.keys, assertion: [{ id: 'a', secret: { file: 'assertion.jwk' } }] },
      admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
    },
    env: { ...sessionSecrets([key]), BOOTSTRAP: bootstrap },
  }
  gate = await startNode(gateOptions)
  env = { GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${gate.adminPort}`, GATEHOUSE_ADMIN_TOKEN: bootstrap }
})

const sessions = (...words: string[]) => runVerb(['sessions', ...words], env, '')

async function call(method: 'GET' | 'POST', path: string, body?: object, token = bootstrap): Promise<Response> {
  return fetch(`${env['GATEHOUSE_ADMIN_URL']}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  })
}

async function login(subject: string) {
  return holder.create(await loginOf(provider, { subject, device: { address: '192.0.2.7', userAgent: hostile } }))
}

test('`gatehouse sessions list --subject` shows what identifies each session and prints no credential', async () => {
  const { cookie, session } = await login('listed')
  const { exitCode, stdout } = await sessions('list', '--subject', 'listed', '--output', 'json')

  expect(exitCode).toBe(0)
  expect(JSON.parse(stdout)).toEqual({
    sessions: [
      {
        session: session.id,
        issuer: provider.url,
        subject: 'listed',
        device: { id: session.device.id, address: '192.0.2.7', user_agent: hostile },
        created_at: new Date(session.createdAtS * 1000).toISOString(),
        used_at: expect.stringMatching(/Z$/),
        ends_at: new Date(session.endsAtS * 1000).toISOString(),
      },
    ],
    total: 1,
    next: null,
  })
  expect(stdout).not.toContain(cookie.split('.')[0])
  expect(stdout).not.toContain('token')
})

test('the list of sessions shows each host that uses a session of login.host once, and `all` for other sessions', async () => {
  const [auth, shop] = ['https://auth.example', 'https://shop.example']
  const { session } = await holder.create(await loginOf(provider, { subject: 'shared', origin: auth }))
  const sealer = new Sealer([{ id: key.id, secret: Buffer.from(key.secret, 'base64url') }])
  const cookies = new SessionHosts(link.store, link.keys, sealer)
  for (const hash of ['first', 'second']) await cookies.add(session.id, shop, hash)
  await login('shared')

  const { stdout } = await sessions('list', '--subject', 'shared', '--output', 'json')
  const { stdout: table } = await sessions('list', '--subject', 'shared')

  const listed = JSON.parse(stdout).sessions as { session: string; hosts?: string[] }[]
  expect(listed.find((each) => each.session === session.id)!.hosts).toEqual([auth, shop])
  expect(listed.find((each) => each.session !== session.id)!.hosts).toBeUndefined()
  expect(table).toContain(`${auth} ${shop}`)
  expect(table).toMatch(/ all +Mozilla/)
})

test('the list of sessions shows the end of a session by the current policy, even if the session began under a longer lifetime', async () => {
  const lifetime = { idleMs: 1_800_000, absoluteMs: 30 * 86_400_000 }
  const { session } = await holder.create(await loginOf(provider, { subject: 'long', lifetime }))
  const { stdout } = await sessions('list', '--subject', 'long', '--output', 'json')

  expect(session.endsAtS - session.createdAtS).toBe(30 * 86_400)
  expect(JSON.parse(stdout).sessions).toMatchObject([
    { session: session.id, ends_at: new Date((session.createdAtS + 12 * 3600) * 1000).toISOString() },
  ])
})

test('a revocation of a subject lasts longer than a session that began under an earlier policy with a longer lifetime', async () => {
  const lifetime = { idleMs: 1_800_000, absoluteMs: 29 * 86_400_000 }
  const { session } = await holder.create(await loginOf(provider, { subject: 'revoked', lifetime }))
  const { exitCode } = await runVerb(['revoke', '--subject', 'revoked', '--wait=all'], env, '')

  expect(exitCode).toBe(0)
  const buckets = await link.store.call('ZRANGE', link.keys.revocationBuckets, 0, -1)
  const ends = (buckets as string[]).map((bucket) => Number(bucket.slice(bucket.lastIndexOf(':') + 1)))
  expect(Math.max(...ends)).toBeGreaterThan(session.endsAtS)
})

test('`gatehouse sessions list` escapes control characters in a User-Agent', async () => {
  const { session } = await login('hostile')
  const { stdout } = await sessions('list', '--device', session.device.id)

  expect(stdout).toContain('SESSION')
  expect(stdout).toContain('Mozilla\\x1b[2J\\u202e(evil)')
  expect(stdout).not.toContain('\x1b')
})

test('`gatehouse sessions end --session` with `--wait=all` exits with 0 after every node has acknowledged, and nodes reject the session', async () => {
  const { cookie, session } = await login('ended')
  const { exitCode, stdout } = await sessions('end', '--session', session.id, '--reason', 'lost', '--wait=all')

  expect(exitCode).toBe(0)
  expect(stdout).toContain('No node admits the revoked tokens any more.\nOne session was ended.\n')
  expect(await holder.use(cookie)).toEqual(['none'])
  const line = await gate.waitForLine(({ operation }) => operation === 'end_sessions')
  expect(line).toMatchObject({ selector: { session: session.id }, reason: 'lost', ended: [session.id], missing: [] })
})

test('`gatehouse sessions end --session` ends a session whose Redis record is lost, even at a node that caches the session', async () => {
  const { cookie, session } = await login('lost')
  expect(await holder.use(cookie)).toMatchObject([{ id: session.id }])
  await link.store.call('DEL', link.keys.session(session.id))
  const { exitCode, stdout } = await sessions('end', '--session', session.id, '--wait=all')

  expect(exitCode).toBe(0)
  expect(stdout).toContain('Redis has no record of this session. Its id was revoked nevertheless.\n')
  expect(await holder.use(cookie)).toEqual(['none'])
})

test.each(['subject', 'session'])(
  '`gatehouse revoke --%s` also ends a session from a node whose clock is fast, and a session without a Redis record',
  async (kind) => {
    const [subject, sid] = [randomBytes(8).toString('hex'), randomBytes(8).toString('hex')]
    const opened = await holder.create(await loginOf(provider, { subject, providerSid: sid }))
    const sealer = new Sealer([{ id: key.id, secret: Buffer.from(key.secret, 'base64url') }])
    const { id, value } = new CookieValues(sealer).mint()
    const { session } = opened
    const ahead = { ...session, id, createdAtS: session.createdAtS + 120, revocation: noRevocationLookup() }
    await new SessionStore(link.store, link.keys, sealer).create(ahead, Date.now())
    for (const cookie of [opened.cookie, value]) expect(await holder.use(cookie)).toMatchObject([{ version: 1 }])
    await link.store.call('DEL', link.keys.session(session.id))

    const named = kind === 'subject' ? subject : sid
    const { exitCode } = await runVerb(['revoke', `--${kind}`, named, '--wait=all'], env, '')

    expect(exitCode).toBe(0)
    for (const cookie of [opened.cookie, value]) expect(await holder.use(cookie)).toEqual(['none'])
    expect((await sessions('list', '--subject', subject, '--output', 'json')).stdout).toContain('"sessions":[]')
  },
)

test.each([
  [['end'], 2, 'give exactly one of --session, --device and --subject'],
  [['end', '--issuer', 'main'], 2, 'give exactly one of --session, --device and --subject'],
  [['list', '--subject', 'a', '--limit', '5'], 2, '--limit and --after page through all sessions'],
  [['list', '--limit', '501'], 2, 'Expected a number from 1 to 500.'],
  [['list', '--limit', 'x'], 2, 'Expected a number from 1 to 500.'],
  [['list', '--after', 'nonsense'], 1, 'must be `next` of the previous page'],
  [['list', '--after', `${'0'.repeat(32)}-1-${'0'.repeat(32)}`], 1, '`after` is `next` of a page of other issuers'],
  [['list', '--issuer', 'elsewhere'], 1, 'the policy has no issuer with this name or identifier'],
  [['end', '--subject', 'a', '--device', '0'.repeat(32)], 2, 'give exactly one of'],
  [['list', '--session', 'nonsense'], 1, 'must be 32 hexadecimal digits'],
  [['list', '--subject', 'a', '--issuer', 'elsewhere'], 1, 'the policy has no issuer with this name or identifier'],
  [['end', '--device', '0'.repeat(32)], 1, 'no session of this device exists'],
] as const)(
  '`gatehouse sessions` with the arguments %j exits with %i and the error "%s"',
  async (words, exitCode, message) => {
    const done = await sessions(...words)

    expect(done).toMatchObject({ exitCode, stdout: '', stderr: expect.stringContaining(message) })
  },
)

test('the session API of a node ends sessions with a receipt, and rejects unknown fields, several selectors in one call and invalid tokens', async () => {
  const { session } = await login('by-api')
  const ended = await call('POST', '/api/v1/sessions/end?wait=all', { subject: 'by-api', issuer: 'main' })
  expect(ended.status).toBe(200)
  expect(await ended.json()).toMatchObject({ ended: [session.id], receipt: { missing: [] } })

  expect((await call('POST', '/api/v1/sessions/end', { subject: 'x', every: true })).status).toBe(400)
  expect((await call('GET', '/api/v1/sessions?session=1&device=2')).status).toBe(400)
  expect((await call('GET', `/api/v1/sessions?subject=x&subject=y`)).status).toBe(400)
  expect((await call('GET', `/api/v1/sessions?subject=x`, undefined, 'no-such-token')).status).toBe(401)
})

test('`gatehouse sessions list` without a selector shows all sessions page by page with their number, and the next page', async () => {
  // A page reads 20 sessions at once.
  const opened = await Promise.all(Array.from({ length: 25 }, (_, i) => login(`paged-${i % 20}`)))
  const list = async (...words: string[]) =>
    JSON.parse((await sessions('list', '--output', 'json', ...words)).stdout) as {
      sessions: { session: string; subject: string }[]
      total: number
      next: string | null
    }
  const ids = opened.map(({ session }) => session.id)
  await until('all sessions are listed', async () => {
    const listed = (await list('--limit', '500')).sessions.map(({ session }) => session)
    return ids.every((id) => listed.includes(id))
  })
  const { total } = await list()
  const found: string[] = []
  let after: string | null | undefined
  for (let pages = 0; after !== null; pages++) {
    expect(pages).toBeLessThan(total)
    const page = await list('--issuer', 'main', '--limit', '12', ...(after === undefined ? [] : ['--after', after]))
    expect(page).toMatchObject({ total })
    found.push(...page.sessions.map(({ session }) => session))
    after = page.next
  }

  expect(found).toEqual(expect.arrayContaining(ids))
  const { stdout } = await sessions('list', '--limit', '1', '--admin', env['GATEHOUSE_ADMIN_URL']!, '--issuer', 'main')
  expect(stdout).toMatch(
    /^[01] of \d+ sessions are listed\.\nThe next page: gatehouse sessions list --admin http:\S+ --issuer main --limit 1 --after \S+$/m,
  )
})

test('a session from before the list of all sessions is in the list after its next use, and no use depends on the list', async () => {
  const list = link.keys.sessionsAt(issuerName(provider.url))
  await link.store.call('DEL', list)
  const { cookie, session } = await login('older')
  const isListed = async () => (await link.store.call('ZSCORE', list, session.id)) !== null
  await until('the session is listed', isListed)
  // As an earlier version has left it, and with a list that no command can read.
  await link.store.call('DEL', list)
  await link.store.call('SET', list, 'no list')
  const late = await startSessionNodes({ nodes: 2, provider, redisPort, keys: [key] })
  expect(await late[0]!.use(cookie)).toMatchObject([{ id: session.id }])
  await link.store.call('DEL', list)
  expect(await late[1]!.use(cookie)).toMatchObject([{ id: session.id }])
  await until('the session is listed again', isListed)
})

test('a node exports the number of sessions of the cluster by issuer as `gatehouse_sessions`, also of sessions that it never loaded', async () => {
  await login('counted')
  const { settings } = gateOptions
  const counted = await startNode({
    ...gateOptions,
    settings: { ...settings, node: { id: `counted-${randomBytes(4).toString('hex')}` } },
  })
  await until('the number is read', async () => {
    const text = await (await fetch(`http://127.0.0.1:${counted.adminPort}/metrics`)).text()
    return /^gatehouse_sessions\{issuer="main"\} [1-9]/m.test(text)
  })
})

test('a node exports its session metrics before they are used: 0 cached sessions, and 0 refreshes for each outcome', async () => {
  const text = await (await fetch(`${env['GATEHOUSE_ADMIN_URL']}/metrics`)).text()

  expect(text).toContain('gatehouse_sessions_held 0')
  for (const outcome of ['granted', 'taken', 'refused', 'failed']) {
    expect(text).toContain(`gatehouse_session_refreshes_total{outcome="${outcome}"} 0`)
  }
})
