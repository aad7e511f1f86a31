// S-099: logout tokens that an issuer sends to the gate (OpenID Connect Back-Channel Logout 1.0 §2.6, §2.7).

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

// Two nodes share the port. A logout token that is sent to one node applies on both nodes.
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

const sendLogout = (token: string, agent?: string) =>
  post(new URLSearchParams({ logout_token: token }).toString(), undefined, agent)

async function loggedIn(claims: Readonly<Record<string, unknown>>): Promise<HttpBrowser> {
  issuer.idToken = { claims }
  const browser = new HttpBrowser()
  await enter(browser)
  return browser
}

/** Statuses of 12 requests of the browser, each over a new connection, so that both nodes get some of them. */
async function statuses(browser: HttpBrowser): Promise<Set<number>> {
  const visit = async () =>
    (await browser.visit(`${url}/app/`, { redirects: 0, headers: { connection: 'close' } })).status
  return new Set(await Promise.all(Array.from({ length: 12 }, visit)))
}

const bystander = await loggedIn({ sub: 'bystander', sid: 'sid-bystander' })

test.each(['cross-site', 'same-site'])(
  'S-160 a logout token that a page of another host makes a browser send (Sec-Fetch-Site: %s) gets 403, even a valid one',
  async (site) => {
    const logout_token = issuer.logoutToken({ claims: { sub: 'bystander' } })
    const { statusCode, body } = await request(`${url}/.gatehouse/backchannel-logout`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': site },
      body: new URLSearchParams({ logout_token }).toString(),
    })
    await body.dump()

    expect(statusCode).toBe(403)
    expect(await statuses(bystander)).toEqual(new Set([200]))
  },
)

test.each([
  ['a nonce', { claims: { nonce: 'n', sub: 'bystander' } }],
  ['no events', { claims: { events: undefined, sub: 'bystander' } }],
  ['other events', { claims: { events: { 'https://other.test': {} }, sub: 'bystander' } }],
  [
    'events whose member is not an object',
    { claims: { events: { 'http://schemas.openid.net/event/backchannel-logout': 1 }, sub: 'bystander' } },
  ],
  ['neither sub nor sid', { claims: { sub: undefined } }],
  ['a sub that is not a string', { claims: { sub: 7 } }],
  ['a line feed in sub', { claims: { sub: 'bystander\n' } }],
  ['NUL in sid', { claims: { sid: 'sid-bystander\0', sub: 'bystander' } }],
  ['DEL in jti', { claims: { jti: '\u007f', sub: 'bystander' } }],
  ['a sid of 8 KiB and more', { claims: { sid: 's'.repeat(8193), sub: 'bystander' } }],
  ['alg none', { key: unsigned, claims: { sub: 'bystander' } }],
  ['a signature by a foreign key', { key: signingKey('ES256', issuer.key.kid), claims: { sub: 'bystander' } }],
  ['another aud', { claims: { aud: 'other', sub: 'bystander' } }],
  ['another iss', { claims: { iss: 'https://evil.test', sub: 'bystander' } }],
  ['an iat one hour in the past', { claims: { iat: nowS() - 3600, sub: 'bystander' } }],
  ['an iat one hour in the future', { claims: { iat: nowS() + 3600, sub: 'bystander' } }],
  ['no iat', { claims: { iat: undefined, sub: 'bystander' } }],
  ['an exp in the past', { claims: { exp: nowS() - 60, sub: 'bystander' } }],
  ['no exp', { claims: { exp: undefined, sub: 'bystander' } }],
  ['an exp that is a string', { claims: { exp: String(nowS() + 60), sub: 'bystander' } }],
  ['an exp that is not a finite number', { claims: { exp: hugeNumber, sub: 'bystander' } }],
  ['the sid of another person', { claims: { sid: 'sid-bystander', sub: 'mallory' } }],
  ['no jti', { claims: { jti: undefined, sub: 'bystander' } }],
  ['the typ of an access token', { header: { typ: 'at+jwt' }, claims: { sub: 'bystander' } }],
])('S-099 the gate rejects a logout token with %s (400) and ends no session', async (_, wishes) => {
  const { status, cache, text } = await sendLogout(issuer.logoutToken(wishes))

  expect([status, cache]).toEqual([400, 'no-store'])
  expect(JSON.parse(text).error).toBe('invalid_request')
  expect(await statuses(bystander)).toEqual(new Set([200]))
})

test('S-099 the gate rejects a logout request with an ID token, two tokens, no token or another content type', async () => {
  const good = issuer.logoutToken({ claims: { sub: 'bystander' } })
  const idToken = issuer.signJwt({
    iss: issuer.url,
    aud: 'web',
    sub: 'bystander',
    iat: nowS(),
    exp: nowS() + 60,
    nonce: 'n',
  })

  expect((await sendLogout(idToken)).status).toBe(400)
  expect((await sendLogout('nonsense')).status).toBe(400)
  expect((await post(`logout_token=${good}&logout_token=${good}`)).status).toBe(400)
  expect((await post('')).status).toBe(400)
  expect((await post(JSON.stringify({ logout_token: good }), 'application/json')).status).toBe(400)
  expect((await post(`logout_token=${'a'.repeat(40_000)}`)).status).toBe(413)
  expect(await statuses(bystander)).toEqual(new Set([200]))
})

test('S-099 a logout token with sid ends only that session, on every node, before the gate replies 200', async () => {
  const [one, other] = [await loggedIn({ sub: 'carol', sid: 'sid-1' }), await loggedIn({ sub: 'carol', sid: 'sid-2' })]
  expect([await statuses(one), await statuses(other)]).toEqual([new Set([200]), new Set([200])])

  const { status, cache } = await sendLogout(issuer.logoutToken({ claims: { sid: 'sid-1', sub: 'carol' } }))

  expect([status, cache]).toEqual([200, 'no-store'])
  expect([await statuses(one), await statuses(other)]).toEqual([new Set([303]), new Set([200])])
})

test('S-099 a logout token with sub and sid ends only the sessions, and prevents only the logins, that match both sub and sid', async () => {
  const carol = await loggedIn({ sub: 'carol', sid: 'shared' })
  const elsewhere = await loggedIn({ sub: 'carol', sid: 'sid-9' })
  const heidi = await loggedIn({ sub: 'heidi', sid: 'shared' })

  expect((await sendLogout(issuer.logoutToken({ claims: { sid: 'shared', sub: 'carol' } }))).status).toBe(200)

  expect(await statuses(carol)).toEqual(new Set([303]))
  expect(await statuses(elsewhere)).toEqual(new Set([200]))
  expect(await statuses(heidi)).toEqual(new Set([200]))
  issuer.idToken = { claims: { sub: 'carol', sid: 'shared' } }
  const late = new HttpBrowser()
  expect([(await enter(late)).status, late.session]).toEqual([403, undefined])
  expect(await statuses(await loggedIn({ sub: 'heidi', sid: 'shared' }))).toEqual(new Set([200]))
})

test('S-099 the gate rejects a logout token whose sid belongs to sessions of another subject with 400', async () => {
  const { status, text } = await sendLogout(issuer.logoutToken({ claims: { sid: 'sid-bystander', sub: 'mallory' } }))

  expect([status, JSON.parse(text).error_description]).toEqual([400, 'sid belongs to sessions of another sub'])
  expect(await statuses(bystander)).toEqual(new Set([200]))
})

function identifiersOf(record: AuditRecord | undefined): Record<string, unknown> {
  const fields = Object.entries(record ?? {})
  return Object.fromEntries(fields.filter(([name]) => ['gatehouse.issuer', 'user.id', 'session.id'].includes(name)))
}

test.each([
  ['sub and sid', { sub: 'frank', sid: 'sid-6' }, { 'user.id': 'frank', 'session.id': 'sid-6' }],
  ['sid only', { sub: undefined, sid: 'sid-7' }, { 'session.id': 'sid-7' }],
  ['sub only', { sub: 'grace' }, { 'user.id': 'grace' }],
])('S-099 the audit record of a logout contains the identifiers of the logout token: %s', async (_, claims, named) => {
  const jti = randomUUID()
  const token = issuer.logoutToken({ claims: { ...claims, jti } })
  expect((await sendLogout(token, jti)).status).toBe(200)

  const link = await testLink(redisSettingsFor(gate.redisPort))
  const isOfDelivery = (record: AuditRecord) => record['user_agent.original'] === jti
  expect(identifiersOf((await auditRecords(link, isOfDelivery)).find(isOfDelivery))).toEqual({
    'gatehouse.issuer': issuer.url,
    ...named,
  })

  // A node writes one shared record when it refuses more than 20 requests of an address in a second. Other tests of
  // this file cause refusals too, so the delivery is repeated.
  let replayed: AuditRecord | undefined
  await until('a refused delivery has its own record', async () => {
    expect((await sendLogout(token, `${jti}-again`)).status).toBe(400)
    const records = (await auditLines(link)).map(({ record }) => record)
    replayed = records.find((record) => record['user_agent.original'] === `${jti}-again`)
    return replayed !== undefined
  })
  // The replayed logout token ended no session, so its record contains no identifiers.
  expect([replayed?.['gatehouse.reason'], identifiersOf(replayed)]).toEqual(['logout-replayed', {}])
})

test('S-099 a logout token with sub ends all sessions of the subject on every node, and a new login works', async () => {
  const before = [await loggedIn({ sub: 'dave', sid: 'sid-3' }), await loggedIn({ sub: 'dave', sid: 'sid-4' })]
  for (const each of before) expect(await statuses(each)).toEqual(new Set([200]))

  expect((await sendLogout(issuer.logoutToken({ claims: { sub: 'dave' } }))).status).toBe(200)

  for (const each of before) expect(await statuses(each)).toEqual(new Set([303]))
  expect(await statuses(bystander)).toEqual(new Set([200]))
  expect(await statuses(await loggedIn({ sub: 'dave', sid: 'sid-5' }))).toEqual(new Set([200]))
})

test('S-099 the gate accepts at least one of 8 concurrent deliveries of a logout token, and rejects every later delivery with 400', async () => {
  const browser = await loggedIn({ sub: 'erin', sid: 'sid-8' })
  const token = issuer.logoutToken({ claims: { sub: 'erin', sid: undefined, jti: randomUUID() } })

  const together = await Promise.all(Array.from({ length: 8 }, () => sendLogout(token)))
  const later = await Promise.all(Array.from({ length: 8 }, () => sendLogout(token)))

  expect(together.map(({ status }) => status)).toContain(200)
  expect(new Set(later.map(({ status }) => status))).toEqual(new Set([400]))
  expect(await statuses(browser)).toEqual(new Set([303]))
})
