// S-099: an issuer says that somebody has logged out there (OpenID Connect Back-Channel Logout §2.6, §2.7).

import { randomUUID } from 'node:crypto'
import { request } from 'undici'
import { expect, test } from 'vitest'
import type { AuditRecord } from '../../gateway/audit/record.ts'
import { auditLines, auditRecords } from '../kit/audit-records.ts'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { redisSettingsFor, testLink } from '../kit/redis.ts'
import { hugeNumber, signingKey, unsigned } from '../kit/signing-key.ts'
import { until } from '../kit/until.ts'

// Two nodes share the port: what one is told, both know.
const gate = await startCodeGate({ nodes: 2 })
const { url, issuer, enter } = gate
const nowS = () => Math.floor(Date.now() / 1000)

async function post(body: string, type = 'application/x-www-form-urlencoded', agent = 'issuer') {
  const {
    statusCode,
    headers,
    body: reply,
  } = await request(`${url}/.gatehouse/backchannel-logout`, {
    method: 'POST',
    headers: { 'content-type': type, 'user-agent': agent },
    body,
  })
  return { status: statusCode, cache: headers['cache-control'], text: await reply.text() }
}

const tell = (token: string, agent?: string) =>
  post(new URLSearchParams({ logout_token: token }).toString(), undefined, agent)

async function loggedIn(claims: Readonly<Record<string, unknown>>): Promise<HttpBrowser> {
  issuer.idToken = { claims }
  const browser = new HttpBrowser()
  await enter(browser)
  return browser
}

/** Over connections of their own, so that both nodes are asked. */
async function statuses(browser: HttpBrowser): Promise<Set<number>> {
  const visit = async (): Promise<number> => {
    const { status } = await browser.visit(`${url}/app/`, { redirects: 0, headers: { connection: 'close' } })
    // Redis was given up, as happens on a busy machine: that is no verdict about the session.
    return status === 503 ? visit() : status
  }
  return new Set(await Promise.all(Array.from({ length: 12 }, visit)))
}

const bystander = await loggedIn({ sub: 'bystander', sid: 'sid-bystander' })

test.each([
  ['a nonce', { claims: { nonce: 'n', sub: 'bystander' } }],
  ['no events', { claims: { events: undefined, sub: 'bystander' } }],
  ['other events', { claims: { events: { 'https://other.test': {} }, sub: 'bystander' } }],
  [
    'events of another kind',
    { claims: { events: { 'http://schemas.openid.net/event/backchannel-logout': 1 }, sub: 'bystander' } },
  ],
  ['neither sub nor sid', { claims: { sub: undefined } }],
  ['a sub that is no text', { claims: { sub: 7 } }],
  ['a line end in sub', { claims: { sub: 'bystander\n' } }],
  ['NUL in sid', { claims: { sid: 'sid-bystander\0', sub: 'bystander' } }],
  ['DEL in jti', { claims: { jti: '\u007f', sub: 'bystander' } }],
  ['a sid of 8 KiB and more', { claims: { sid: 's'.repeat(8193), sub: 'bystander' } }],
  ['alg none', { key: unsigned, claims: { sub: 'bystander' } }],
  ["another's key", { key: signingKey('ES256', issuer.key.kid), claims: { sub: 'bystander' } }],
  ['another aud', { claims: { aud: 'other', sub: 'bystander' } }],
  ['another iss', { claims: { iss: 'https://evil.test', sub: 'bystander' } }],
  ['an iat of an hour ago', { claims: { iat: nowS() - 3600, sub: 'bystander' } }],
  ['an iat in an hour', { claims: { iat: nowS() + 3600, sub: 'bystander' } }],
  ['no iat', { claims: { iat: undefined, sub: 'bystander' } }],
  ['an exp that is past', { claims: { exp: nowS() - 60, sub: 'bystander' } }],
  ['no exp', { claims: { exp: undefined, sub: 'bystander' } }],
  ['an exp that is no number', { claims: { exp: String(nowS() + 60), sub: 'bystander' } }],
  ['an exp that is no finite number', { claims: { exp: hugeNumber, sub: 'bystander' } }],
  ['the sid of another person', { claims: { sid: 'sid-bystander', sub: 'mallory' } }],
  ['no jti', { claims: { jti: undefined, sub: 'bystander' } }],
  ['the type of an access token', { header: { typ: 'at+jwt' }, claims: { sub: 'bystander' } }],
])('S-099 a logout token with %s gets 400 and ends no session', async (_, wishes) => {
  const { status, cache, text } = await tell(issuer.logoutToken(wishes))

  expect([status, cache]).toEqual([400, 'no-store'])
  expect(JSON.parse(text).error).toBe('invalid_request')
  expect(await statuses(bystander)).toEqual(new Set([200]))
})

test('S-099 a logout request with an ID token, two tokens, no token or another content type gets 400', async () => {
  const good = issuer.logoutToken({ claims: { sub: 'bystander' } })
  const idToken = issuer.signJwt({
    iss: issuer.url,
    aud: 'web',
    sub: 'bystander',
    iat: nowS(),
    exp: nowS() + 60,
    nonce: 'n',
  })

  expect((await tell(idToken)).status).toBe(400)
  expect((await tell('nonsense')).status).toBe(400)
  expect((await post(`logout_token=${good}&logout_token=${good}`)).status).toBe(400)
  expect((await post('')).status).toBe(400)
  expect((await post(JSON.stringify({ logout_token: good }), 'application/json')).status).toBe(400)
  expect((await post(`logout_token=${'a'.repeat(40_000)}`)).status).toBe(413)
  expect(await statuses(bystander)).toEqual(new Set([200]))
})

test('S-099 a logout token with sid ends only that session, on every node, before the reply 200', async () => {
  const [one, other] = [await loggedIn({ sub: 'carol', sid: 'sid-1' }), await loggedIn({ sub: 'carol', sid: 'sid-2' })]
  expect([await statuses(one), await statuses(other)]).toEqual([new Set([200]), new Set([200])])

  const { status, cache } = await tell(issuer.logoutToken({ claims: { sid: 'sid-1', sub: 'carol' } }))

  expect([status, cache]).toEqual([200, 'no-store'])
  expect([await statuses(one), await statuses(other)]).toEqual([new Set([303]), new Set([200])])
})

test('S-099 a logout token with sub and sid ends only sessions that match both and rejects only logins that match both', async () => {
  const carol = await loggedIn({ sub: 'carol', sid: 'shared' })
  const elsewhere = await loggedIn({ sub: 'carol', sid: 'sid-9' })
  const heidi = await loggedIn({ sub: 'heidi', sid: 'shared' })

  expect((await tell(issuer.logoutToken({ claims: { sid: 'shared', sub: 'carol' } }))).status).toBe(200)

  expect(await statuses(carol)).toEqual(new Set([303]))
  expect(await statuses(elsewhere)).toEqual(new Set([200]))
  expect(await statuses(heidi)).toEqual(new Set([200]))
  issuer.idToken = { claims: { sub: 'carol', sid: 'shared' } }
  const late = new HttpBrowser()
  expect([(await enter(late)).status, late.session]).toEqual([403, undefined])
  expect(await statuses(await loggedIn({ sub: 'heidi', sid: 'shared' }))).toEqual(new Set([200]))
})

test('S-099 a logout token whose sid belongs to another subject is rejected as logout-subject', async () => {
  const { status, text } = await tell(issuer.logoutToken({ claims: { sid: 'sid-bystander', sub: 'mallory' } }))

  expect([status, JSON.parse(text).error_description]).toEqual([400, 'sid belongs to sessions of another sub'])
  expect(await statuses(bystander)).toEqual(new Set([200]))
})

function whose(record: AuditRecord | undefined): Record<string, unknown> {
  const said = Object.entries(record ?? {})
  return Object.fromEntries(said.filter(([name]) => ['gatehouse.issuer', 'user.id', 'session.id'].includes(name)))
}

test.each([
  ['the session and its person', { sub: 'frank', sid: 'sid-6' }, { 'user.id': 'frank', 'session.id': 'sid-6' }],
  ['the session', { sub: undefined, sid: 'sid-7' }, { 'session.id': 'sid-7' }],
  ['the person', { sub: 'grace' }, { 'user.id': 'grace' }],
])('S-099 the audit record of a logout holds the identifiers of the logout token: %s', async (_, claims, named) => {
  const jti = randomUUID()
  const token = issuer.logoutToken({ claims: { ...claims, jti } })
  expect((await tell(token, jti)).status).toBe(200)

  const link = await testLink(redisSettingsFor(gate.redisPort))
  const isIts = (record: AuditRecord) => record['user_agent.original'] === jti
  expect(whose((await auditRecords(link, isIts)).find(isIts))).toEqual({ 'gatehouse.issuer': issuer.url, ...named })

  // More than 20 refusals a second from one address share a record, and other tests of this file cause refusals too.
  let replayed: AuditRecord | undefined
  await until('a refused delivery has a record of its own', async () => {
    expect((await tell(token, `${jti}-again`)).status).toBe(400)
    const records = (await auditLines(link)).map(({ record }) => record)
    replayed = records.find((record) => record['user_agent.original'] === `${jti}-again`)
    return replayed !== undefined
  })
  // It ended nothing.
  expect([replayed?.['gatehouse.reason'], whose(replayed)]).toEqual(['logout-replayed', {}])
})

test('S-099 a logout token with sub ends all sessions of the subject, and a new login works', async () => {
  const before = [await loggedIn({ sub: 'dave', sid: 'sid-3' }), await loggedIn({ sub: 'dave', sid: 'sid-4' })]
  for (const each of before) expect(await statuses(each)).toEqual(new Set([200]))

  expect((await tell(issuer.logoutToken({ claims: { sub: 'dave' } }))).status).toBe(200)

  for (const each of before) expect(await statuses(each)).toEqual(new Set([303]))
  expect(await statuses(bystander)).toEqual(new Set([200]))
  expect(await statuses(await loggedIn({ sub: 'dave', sid: 'sid-5' }))).toEqual(new Set([200]))
})

test('S-099 a replayed logout token is rejected at every node, and concurrent deliveries are harmless', async () => {
  const browser = await loggedIn({ sub: 'erin', sid: 'sid-8' })
  const token = issuer.logoutToken({ claims: { sub: 'erin', sid: undefined, jti: randomUUID() } })

  const together = await Promise.all(Array.from({ length: 8 }, () => tell(token)))
  const later = await Promise.all(Array.from({ length: 8 }, () => tell(token)))

  expect(together.map(({ status }) => status)).toContain(200)
  expect(new Set(later.map(({ status }) => status))).toEqual(new Set([400]))
  expect(await statuses(browser)).toEqual(new Set([303]))
})
