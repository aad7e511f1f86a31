// A code that is redeemed after a back-channel logout creates no session. Only a successful logout consumes a logout
// token.

import { randomUUID } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser, type Page } from '../kit/http-browser.ts'
import { redisSettingsFor, testLink } from '../kit/redis.ts'
import { until } from '../kit/until.ts'

// Two nodes share the port, so a login can end at the node that did not receive the logout.
const gate = await startCodeGate({ nodes: 2 })
const { url, issuer, enter } = gate
const link = await testLink(redisSettingsFor(gate.redisPort))
const nowS = () => Math.floor(Date.now() / 1000)

beforeEach(() => {
  issuer.held = undefined
  issuer.idToken = {}
})

async function logOutAtIssuer(claims: Readonly<Record<string, unknown>>): Promise<void> {
  expect(await deliver(issuer.logoutToken({ claims }))).toBe(200)
}

async function deliver(token: string): Promise<number> {
  const { status } = await new HttpBrowser().visit(`${url}/.gatehouse/backchannel-logout`, {
    method: 'POST',
    form: { logout_token: token },
    headers: { accept: '*/*', connection: 'close' },
  })
  return status
}

/** Logs in, and runs `meanwhile` while the issuer delays its reply to the code exchange. */
async function enterDuring(browser: HttpBrowser, meanwhile: () => Promise<void>): Promise<Page> {
  const { promise, resolve: release } = Promise.withResolvers<void>()
  issuer.held = () => promise
  const { length } = issuer.asked
  const entered = enter(browser, { redirects: 0, returnTo: '/app/x?a=1' })
  try {
    await until('the issuer has received the code', () => issuer.asked.length > length)
    await meanwhile()
  } finally {
    release()
  }
  return entered
}

/** Follows the link of an error page to a new login. @returns the query of the authorization request */
async function nextLogin(browser: HttpBrowser, page: Page): Promise<URLSearchParams> {
  const link = /href="([^"]*)"/.exec(page.body)?.[1]?.replaceAll('&#38;', '&') ?? ''
  const start = await browser.visit(new URL(link, url).href, { redirects: 0 })
  return new URL(start.field('location')!).searchParams
}

test.each([
  ['the sid and sub', { sub: 'ann', sid: 'sid-a' }, { sub: 'ann', sid: 'sid-a' }],
  ['the sid only', { sub: 'bob', sid: 'sid-b' }, { sub: undefined, sid: 'sid-b' }],
  ['the sub, with an older auth_time', { sub: 'cid', auth_time: nowS() - 60 }, { sub: 'cid' }],
  ['the sub, without auth_time', { sub: 'dan', auth_time: undefined }, { sub: 'dan' }],
])('the gate creates no session for a code redeemed after a back-channel logout of %s', async (_, login, logout) => {
  const browser = new HttpBrowser()
  issuer.idToken = { claims: login }

  const page = await enterDuring(browser, () => logOutAtIssuer(logout))

  expect([page.status, browser.session]).toEqual([403, undefined])
  expect(page.body).toContain('You were logged out')
  const next = await nextLogin(browser, page)
  expect([next.get('prompt'), next.get('client_id')]).toEqual(['login', 'web'])
})

test('after a back-channel logout causes the gate to reject a login, a login from the error page creates a session and returns to the same page', async () => {
  const browser = new HttpBrowser()
  issuer.idToken = { claims: { sub: 'eve', sid: 'sid-e1' } }
  const page = await enterDuring(browser, () => logOutAtIssuer({ sub: 'eve', sid: 'sid-e1' }))
  const next = await nextLogin(browser, page)
  issuer.idToken = { claims: { sub: 'eve', sid: 'sid-e2', nonce: next.get('nonce') } }
  const query = new URLSearchParams({ code: 'a-code', state: next.get('state')!, iss: issuer.url })

  const done = await browser.visit(`${gate.callback}?${query}`, { redirects: 0 })

  expect([done.status, done.field('location')]).toEqual([303, `${url}/app/x?a=1`])
  expect(browser.session).toEqual(expect.any(String))
})

test.each([
  ['with auth_time', {}],
  ['without auth_time', { auth_time: undefined }],
])('a login right after a back-channel logout, %s, creates a session', async (name, more) => {
  const sub = `again ${name}`
  issuer.idToken = { claims: { sub, sid: `${name} 1`, ...more } }
  await enter(new HttpBrowser())
  await logOutAtIssuer({ sub })

  issuer.idToken = { claims: { sub, sid: `${name} 2`, auth_time: nowS() + 1, ...more } }
  const browser = new HttpBrowser()
  const page = await enter(browser)

  expect([page.status, browser.session]).toEqual([200, expect.any(String)])
})

test('a step-up login that completes after the logout of its sid leaves neither a new session nor the previous one', async () => {
  const browser = new HttpBrowser()
  issuer.idToken = { claims: { sub: 'fay', sid: 'sid-f' } }
  await enter(browser)
  expect((await browser.visit(`${url}/app/`, { redirects: 0 })).status).toBe(200)

  const page = await enterDuring(browser, () => logOutAtIssuer({ sub: 'fay', sid: 'sid-f' }))

  expect(page.status).toBe(403)
  expect((await browser.visit(`${url}/app/`, { redirects: 0 })).status).toBe(303)
})

test('a login start with `prompt=login` adds this prompt to the prompt of the policy, and other prompts in the query are ignored', async () => {
  const consenting = await startCodeGate({ login: { prompt: 'consent' } })
  const browser = new HttpBrowser()
  const promptOf = async (query: string) => {
    const start = await browser.visit(`${consenting.url}/.gatehouse/login${query}`, { redirects: 0 })
    return new URL(start.field('location')!).searchParams.get('prompt')
  }

  expect(await promptOf('?prompt=login')).toBe('login consent')
  for (const query of ['', '?prompt=none', '?prompt=login&prompt=login']) expect(await promptOf(query)).toBe('consent')
})

test('when a logout fails, its logout token can be used again, even if Redis rejects the rollback', async () => {
  const browser = new HttpBrowser()
  issuer.idToken = { claims: { sub: 'gil', sid: 'sid-g' } }
  await enter(browser)
  const token = issuer.logoutToken({ claims: { sub: 'gil', sid: 'sid-g', jti: randomUUID() } })
  const { events } = link.keys
  // Make Redis unable to write a revocation or to delete a key.
  await link.store.call('RENAME', events, `${events}-aside`)
  await link.store.call('SET', events, 'not a stream')
  await link.store.call('ACL', 'SETUSER', 'default', '-del')
  try {
    expect(await deliver(token)).toBe(503)
  } finally {
    await link.store.call('ACL', 'SETUSER', 'default', '+@all')
    await link.store.call('RENAME', `${events}-aside`, events)
  }

  expect(await deliver(token)).toBe(200)
  await until(
    'the session is rejected',
    async () => (await browser.visit(`${url}/app/`, { redirects: 0 })).status === 303,
  )
  expect(await deliver(token)).toBe(400)
})
