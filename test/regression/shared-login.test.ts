// S-152 to S-159: attacks on a login that several hosts share (login.host).

import { request } from 'undici'
import { expect, test } from 'vitest'
import { auditRecords } from '../kit/audit-records.ts'
import { HttpBrowser, type Page } from '../kit/http-browser.ts'
import { logIn } from '../kit/login-gate.ts'
import { redisSettingsFor, testLink } from '../kit/redis.ts'
import { redisCli } from '../kit/redis-cli.ts'
import { startSharedLoginGate } from '../kit/shared-login-gate.ts'

const gate = await startSharedLoginGate()
const { at, hostOf, node, orders, redisPort } = gate

/** Visits one URL without following its redirect. */
const step = (browser: HttpBrowser, url: string, headers = {}) => browser.visit(url, { redirects: 0, headers })

/** Begins a login at a host. @returns URL at login.host, with the request of the host */
async function begin(browser: HttpBrowser, name: string, returnTo = '/page'): Promise<string> {
  const page = await step(browser, `${at(name)}/.gatehouse/login?return_to=${encodeURIComponent(returnTo)}`)
  return page.field('location')!
}

/** Returns a browser that is logged in at login.host. */
async function loggedIn(user = 'alice'): Promise<HttpBrowser> {
  const browser = new HttpBrowser()
  const page = await logIn(browser, `${at('mail')}/first`, user)
  expect(page.status).toBe(200)
  return browser
}

/** Lets a browser that is logged in obtain a code for a host. @returns URL at the host, with the code */
async function obtainCode(browser: HttpBrowser, name: string): Promise<string> {
  const page = await step(browser, await begin(browser, name))
  const location = page.field('location')!
  expect(location).toMatch(new RegExp(`^${at(name)}/\\.gatehouse/enter\\?code=[\\w-]{22}$`))
  return location
}

async function reasonOf(page: Page): Promise<unknown> {
  const id = page.field('x-request-id')
  return (await node.waitForRecord((record) => record['id'] === id))['reason']
}

const isLoggedIn = async (browser: HttpBrowser, name: string) => {
  const page = await step(browser, `${at(name)}/.gatehouse/session`)
  return (JSON.parse(page.body) as { authenticated: boolean }).authenticated
}

test('S-152 a host code that an attacker obtained for their own login logs in no other browser, and the attempt uses up the code', async () => {
  const [attacker, victim] = [await loggedIn('bob'), new HttpBrowser()]
  const url = await obtainCode(attacker, 'shop')
  // The victim also has a login in progress at the host.
  await begin(victim, 'shop')

  const page = await step(victim, url)

  expect([page.status, page.field('set-cookie')]).toEqual([400, undefined])
  expect(await isLoggedIn(victim, 'shop')).toBe(false)
  expect((await step(attacker, url)).status).toBe(400)
})

test.each([
  ['login.host', undefined],
  ['login.host and the host', 'shop'],
])(
  'S-152 if a user with a session at %s opens a login request of an attacker, the resulting host code gives the attacker no session',
  async (_, also) => {
    const [attacker, victim] = [new HttpBrowser(), await loggedIn()]
    if (also !== undefined) await logIn(victim, `${at(also)}/`)
    const before = victim.sessionAt(hostOf('shop'))
    const url = (await step(victim, await begin(attacker, 'shop'))).field('location')!

    await step(victim, url)

    expect(victim.sessionAt(hostOf('shop'))).toBe(before)
    expect((await step(attacker, url)).status).toBe(400)
    expect(await isLoggedIn(attacker, 'shop')).toBe(false)
  },
)

test("S-152 the issuer's reply to a login of an attacker changes no session of another browser that opens it, and gives the attacker no session", async () => {
  const [attacker, victim, newcomer] = [new HttpBrowser(), await loggedIn(), new HttpBrowser()]
  const form = await attacker.visit(await begin(attacker, 'shop'))
  let page = await attacker.submit(form, { user: 'bob' }, { redirects: 0 })
  while (!page.field('location')!.includes('/.gatehouse/callback')) page = await step(attacker, page.field('location')!)
  const reply = page.field('location')!
  await begin(newcomer, 'shop')
  const before = victim.sessionAt(hostOf('auth'))

  expect((await step(newcomer, reply)).status).toBe(400)
  const url = (await step(victim, reply)).field('location')!
  expect((await step(victim, url)).status).toBe(400)

  expect([newcomer.sessionAt(hostOf('auth')), victim.sessionAt(hostOf('auth'))]).toEqual([undefined, before])
  expect((await step(attacker, url)).status).toBe(400)
  expect(await isLoggedIn(attacker, 'shop')).toBe(false)
})

test.each([
  ['another host', (url: string) => url.replace(at('shop'), at('wiki'))],
  ['login.host', (url: string) => url.replace(at('shop'), at('auth'))],
  ['the same host with one changed character', (url: string) => url.slice(0, -1) + (url.endsWith('A') ? 'Q' : 'A')],
  ['the same host twice', (url: string) => `${url}&${url.split('?')[1]}`],
  ['the same host without a code', (url: string) => url.split('?')[0]!],
])('S-153 the code with which login.host sends a browser back to a host is refused at %s', async (_, changed) => {
  const browser = await loggedIn()
  const url = await obtainCode(browser, 'shop')
  await begin(browser, 'wiki')

  const page = await step(browser, changed(url))

  expect([page.status, page.field('set-cookie')]).toEqual([400, undefined])
})

test('S-153 a host code and a handed-over login request can each be used once, even by concurrent requests', async () => {
  const browser = await loggedIn()
  const request = await begin(browser, 'shop')
  const url = (await step(browser, request)).field('location')!
  const before = browser.cookies.filter(({ host }) => host === hostOf('shop'))
  const copy = () => {
    const same = new HttpBrowser()
    for (const { name, value } of before) same.keep(`${name}=${value}; Path=/`, hostOf('shop'))
    return same
  }
  const raced = await Promise.all([1, 2, 3, 4].map(() => step(copy(), url)))

  expect(raced.map(({ status }) => status).sort()).toEqual([303, 400, 400, 400])
  expect((await step(copy(), url)).status).toBe(400)
  expect((await step(browser, request)).status).toBe(400)
})

test('S-153 a host code for a session that has ended is refused', async () => {
  const browser = await loggedIn()
  const url = await obtainCode(browser, 'shop')
  const headers = { origin: at('mail'), 'sec-fetch-site': 'same-origin' }
  await browser.visit(`${at('mail')}/.gatehouse/logout`, { method: 'POST', headers, redirects: 0 })

  const page = await step(browser, url)

  expect([page.status, page.field('set-cookie')]).toEqual([400, undefined])
})

test('S-153 a host code expires after at most 30 s', async () => {
  const browser = await loggedIn()
  await obtainCode(browser, 'shop')

  const keys = (await redisCli(redisPort, 'KEYS', '*:c:*')).split('\n').filter((key) => key !== '')
  expect(keys.length).toBeGreaterThan(0)
  for (const key of keys) expect(Number(await redisCli(redisPort, 'PTTL', key))).toBeLessThanOrEqual(30_000)
})

test('S-154 the start of a login that hosts share writes nothing to Redis', async () => {
  const keys = async () => (await redisCli(redisPort, 'KEYS', 'gh:{[osud]*')).split('\n').sort()
  const browser = new HttpBrowser()
  const before = await keys()

  for (let i = 0; i < 20; i++) await browser.visit(await begin(browser, 'shop', `/${i}`))

  const added = (await keys()).filter((key) => !before.includes(key))
  expect(added).toEqual([])
})

test.each([
  ['code', 'shop', '/.gatehouse/enter?code=AAAAAAAAAAAAAAAAAAAAAA'],
  ['login request', 'auth', '/.gatehouse/hand-over?state=AAAAAAAAAAAAAAAAAAAAAA'],
])('S-154 each invented %s is charged to the client address, until the gate replies 429', async (_, name, path) => {
  const browser = new HttpBrowser()
  const headers = { 'x-forwarded-for': name === 'auth' ? '203.0.113.7' : '203.0.113.8' }
  const statuses = new Set<number>()

  // The default of limits.address allows 500 at once and 50 per second.
  for (let i = 0; i < 60 && !statuses.has(429); i++) {
    const pages = await Promise.all(Array.from({ length: 50 }, () => step(browser, at(name) + path, headers)))
    for (const { status } of pages) statuses.add(status)
  }

  expect([...statuses].sort()).toEqual([400, 429])
  expect((await step(browser, `${at(name)}/.gatehouse/session`)).status).toBe(200)
})

test.each(['https://evil.test/', '//evil.test/', '/\\evil.test', '/%5cevil.test', '/.gatehouse/logout'])(
  'S-155 after a shared login with the return path %j, the browser returns to the start page of the host',
  async (returnTo) => {
    const browser = await loggedIn()

    const page = await step(browser, (await step(browser, await begin(browser, 'shop', returnTo))).field('location')!)

    expect(page.field('location')).toBe(`${at('shop')}/`)
  },
)

test.each([
  ['open', 'has no session route'],
  ['evil', 'is in no route'],
  ['a.shop', 'has two labels before the domain'],
])('S-155 no shared login begins at the host %s, which %s', async (name) => {
  const browser = new HttpBrowser()
  const page = await browser.visit(`${at(name)}/.gatehouse/login`, { redirects: 0 })

  if (page.status === 303) expect(new URL(page.field('location')!).origin).not.toBe(at(name))
  else expect(page.status).toBe(403)
})

test('S-155 login.host refuses a login request of a host that is forged or changed, or is sent to another host', async () => {
  const browser = await loggedIn()
  const request = await begin(browser, 'shop')
  const state = new URL(request).searchParams.get('state')!
  const issuerState = new URL(
    (await new HttpBrowser().visit(`${at('auth')}/.gatehouse/login`, { redirects: 0 })).field('location')!,
  )
  const wrong = [
    'x',
    state.slice(0, -1),
    `${state}A`,
    `${state.startsWith('A') ? 'B' : 'A'}${state.slice(1)}`,
    issuerState.searchParams.get('state')!,
  ]

  for (const each of wrong) {
    const page = await step(browser, `${at('auth')}/.gatehouse/hand-over?state=${encodeURIComponent(each)}`)
    expect([page.status, page.field('location')], each).toEqual([400, undefined])
  }
  // At another host than login.host the request is no request.
  expect((await step(browser, request.replace(at('auth'), at('wiki')))).status).toBe(400)
  // The request is still usable.
  expect((await step(browser, request)).status).toBe(303)
})

test('a login with prompt=login takes place at the issuer, also in a browser that is logged in at login.host', async () => {
  const browser = await loggedIn()
  const begun = await step(browser, `${at('shop')}/.gatehouse/login?prompt=login`)

  const page = await step(browser, begun.field('location')!)

  const { origin, searchParams } = new URL(page.field('location')!)
  expect([origin, searchParams.get('prompt')]).toEqual([gate.provider.url, 'login'])
})

test('S-156 a host code appears in no log line, audit record or trace, and replies tell the browser not to send the code to other pages', async () => {
  const browser = await loggedIn()
  const request = await begin(browser, 'shop')
  const handed = await step(browser, request)
  const url = handed.field('location')!
  const foreignUrl = await obtainCode(browser, 'shop')
  const foreign = await step(new HttpBrowser(), foreignUrl)
  const entered = await step(browser, url)
  await reasonOf(entered)
  const id = entered.field('x-request-id')
  const link = await testLink(redisSettingsFor(redisPort))
  const entries = await auditRecords(link, (record) => record['gatehouse.request.id'] === id)

  const codes = [url, foreignUrl].map((each) => new URL(each).searchParams.get('code')!)
  for (const page of [handed, foreign, entered]) {
    expect(page.field('referrer-policy')).toBe('no-referrer')
    expect(page.field('cache-control')).toBe('no-store')
    for (const code of codes) expect(page.body).not.toContain(code)
  }
  const lines = node.log.map((record) => JSON.stringify(record))
  expect(lines.some((line) => line.includes('/.gatehouse/enter'))).toBe(true)
  const traces = await redisCli(redisPort, 'XRANGE', link.keys.traces, '-', '+')
  for (const code of codes) {
    expect(lines.filter((line) => line.includes(code))).toEqual([])
    expect(JSON.stringify(entries)).not.toContain(code)
    expect(traces).not.toContain(code)
    expect(orders.requests.filter((each) => JSON.stringify(each).includes(code))).toEqual([])
  }
})

test('S-157 the session cookie of one host is accepted neither at another host nor at login.host', async () => {
  const browser = await loggedIn()
  await logIn(browser, `${at('shop')}/`)
  const values = { shop: '', mail: '', auth: '' }
  for (const name of ['shop', 'mail', 'auth'] as const) values[name] = browser.sessionAt(hostOf(name))!

  for (const [from, value] of Object.entries(values)) {
    for (const name of ['shop', 'wiki', 'mail', 'auth']) {
      const thief = new HttpBrowser()
      thief.keep(`gatehouse-loopback=${value}; Path=/`, hostOf(name))
      expect(await isLoggedIn(thief, name), `${from} at ${name}`).toBe(from === name)
    }
  }
})

test('S-157 the session cookie of login.host is not accepted at a host without a public URL, even if a route covers the host', async () => {
  const browser = await loggedIn()
  for (const host of [`${hostOf('shop')}.`, hostOf('shop'), 'unlisted.test']) {
    const headers = { host, cookie: `gatehouse-loopback=${browser.sessionAt(hostOf('auth'))}`, accept: '*/*' }
    const { statusCode, body } = await request(`http://127.0.0.1:${node.port}/app/`, { headers })
    await body.dump()
    expect(statusCode, host).toBe(401)
  }
})

test('S-158 in a shared login, only login.host accepts the reply of the issuer, and other hosts reply 400', async () => {
  const browser = new HttpBrowser()
  const toIssuer = (await step(browser, await begin(browser, 'shop'))).field('location')!
  const { searchParams } = new URL(toIssuer)
  expect(searchParams.get('redirect_uri')).toBe(`${at('auth')}/.gatehouse/callback`)

  const query = `code=x&state=${searchParams.get('state')}`
  for (const name of ['shop', 'wiki']) {
    const page = await step(browser, `${at(name)}/.gatehouse/callback?${query}`)
    expect([page.status, await reasonOf(page)]).toEqual([400, 'login-unknown'])
  }
})

test.each([
  ['cross-site', 'image'],
  ['cross-site', 'empty'],
  ['same-site', 'image'],
  ['same-site', 'empty'],
])(
  'S-159 a page of another host (%s) cannot make a browser go through a shared login in the background (%s)',
  async (site, dest) => {
    const browser = await loggedIn()
    const hidden = { 'sec-fetch-site': site, 'sec-fetch-dest': dest, 'sec-fetch-mode': 'no-cors' }
    const request = await begin(browser, 'shop')

    expect((await step(browser, `${at('shop')}/.gatehouse/login`, hidden)).status).toBe(403)
    expect((await step(browser, request, hidden)).status).toBe(403)
    const url = (await step(browser, request)).field('location')!
    expect((await step(browser, url, hidden)).status).toBe(403)
    expect((await step(browser, url)).status).toBe(303)
  },
)

test('a host in a frame on a page of the same site completes a shared login, also with a login at the issuer', async () => {
  const browser = new HttpBrowser()
  const inFrame = (site: string) => ({ headers: { 'sec-fetch-site': site, 'sec-fetch-dest': 'iframe' } })

  const form = await browser.visit(`${at('shop')}/page`, inFrame('same-site'))
  const page = await browser.submit(form, { user: 'alice' }, inFrame('cross-site'))

  expect([page.status, page.url]).toEqual([200, `${at('shop')}/page`])
})
