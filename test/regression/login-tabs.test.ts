// Concurrent logins in tabs of one browser. Whatever the order of the login replies, each tab is logged in and returns
// to its own page.

import { afterEach, expect, test, vi } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser, type Page } from '../kit/http-browser.ts'

const gate = await startCodeGate({ nodes: 2 })
const { url, callback, issuer, enter } = gate
const TABS = 20

afterEach(() => {
  issuer.idToken = {}
  issuer.failure = undefined
  issuer.held = undefined
})

/** Requests a page over a new connection, so that either node can get the request. */
const visit = (browser: HttpBrowser, target: string): Promise<Page> =>
  browser.visit(target, { redirects: 0, headers: { connection: 'close' } })

/** Opens a page without a valid session. @returns the login URL to which the gate redirects */
async function loginUrl(browser: HttpBrowser, path: string): Promise<string> {
  const page = await visit(browser, url + path)
  expect(page.status).toBe(303)
  return page.field('location')!
}

/** Starts a login. @returns the login reply of the issuer, as a URL of the gate */
async function startLogin(browser: HttpBrowser, login: string): Promise<string> {
  const page = await visit(browser, login)
  expect(page.field('location')).toContain(`${issuer.url}/auth`)
  const { state, nonce } = issuer.pending(page.field('location')!)
  return `${callback}?${new URLSearchParams({ code: `code-for.${nonce}`, state, iss: issuer.url })}`
}

const begin = async (browser: HttpBrowser, path: string) => startLogin(browser, await loginUrl(browser, path))

/** Creates a session and ends it. @returns the cookie of the session */
async function endedSession(): Promise<string> {
  const browser = new HttpBrowser()
  await enter(browser)
  const { session } = browser
  await browser.visit(`${url}/.gatehouse/logout`, { headers: { 'sec-fetch-site': 'same-origin' }, redirects: 0 })
  return session!
}

/** Returns a browser with the same cookies, which is used as a tab that waits for a reply. */
function copyOf(browser: HttpBrowser): HttpBrowser {
  const copy = new HttpBrowser()
  for (const { name, value, path } of browser.cookies) copy.keep(`${name}=${value}; Path=${path}`)
  return copy
}

const isOpen = async (session: string) => {
  const browser = new HttpBrowser()
  browser.session = session
  return (await visit(browser, `${url}/app/`)).status === 200
}

test('the late reply to a login start does not change the session that another tab has created meanwhile', async () => {
  const browser = new HttpBrowser()
  browser.session = await endedSession()
  const late = copyOf(browser)
  const [first, third] = [await begin(browser, '/app/1'), await begin(browser, '/app/3')]
  const login = await loginUrl(late, '/app/2')
  const reply = await visit(late, login)
  await visit(browser, first)
  const { session } = browser

  for (const line of reply.field('set-cookie')?.split(/,(?=\S)/) ?? []) browser.keep(line)

  expect(browser.session).toBe(session)
  const done = await visit(browser, third)
  expect([done.status, done.field('location')]).toEqual([303, `${url}/app/3`])
})

test.each(['no session', 'the cookie of an ended session'])(
  'a tab that was rejected with %s and starts its login after another tab logged in returns to its page and ends no session',
  async (had) => {
    const browser = new HttpBrowser()
    if (had !== 'no session') browser.session = await endedSession()
    const first = await begin(browser, '/app/1')
    const login = await loginUrl(browser, '/app/2?x=1')
    await visit(browser, first)
    const { session } = browser

    const page = await visit(browser, login)

    expect([page.status, page.field('location')]).toEqual([303, `${url}/app/2?x=1`])
    expect(browser.session).toBe(session)
    expect(await isOpen(session!)).toBe(true)
  },
)

test('a login that the user starts at /.gatehouse/login, without a rejected request before, replaces the session of the browser', async () => {
  const browser = new HttpBrowser()
  await enter(browser)
  const before = browser.session!

  await visit(browser, await startLogin(browser, `${url}/.gatehouse/login?return_to=/app/`))

  expect([browser.session === before, await isOpen(before)]).toEqual([false, false])
})

test('if a route also rejects the session of another tab, the gate returns to the page once and then redirects to the issuer, without a redirect loop', async () => {
  const browser = new HttpBrowser()
  const first = await begin(browser, '/app/1')
  const login = await loginUrl(browser, '/strong/')
  await visit(browser, first)

  const page = await visit(browser, login)
  expect(page.field('location')).toBe(`${url}/strong/`)

  const again = await loginUrl(browser, '/strong/')
  issuer.idToken = { claims: { acr: 'urn:strong' } }
  const done = await visit(browser, await startLogin(browser, again))
  expect([done.status, done.field('location')]).toEqual([303, `${url}/strong/`])
  expect((await visit(browser, `${url}/strong/`)).status).toBe(200)
})

test('the gate redirects a login with `prompt=login` to the issuer even if the browser has a session', async () => {
  const browser = new HttpBrowser()
  const login = await loginUrl(browser, '/app/1')
  await enter(browser)

  const page = await visit(browser, `${login}&prompt=login`)

  expect(page.field('location')).toContain(`${issuer.url}/auth`)
})

test.each([
  ['no session', 'one after another, in reverse order', false],
  ['no session', 'all at once', true],
  ['the cookie of an ended session', 'one after another, in reverse order', false],
  ['the cookie of an ended session', 'all at once', true],
])('twenty tabs that open with %s and finish their logins %s are all logged in', async (had, _, together) => {
  const browser = new HttpBrowser()
  if (had !== 'no session') browser.session = await endedSession()
  const replies = await Promise.all(Array.from({ length: TABS }, (__, n) => begin(browser, `/app/${n}`)))
  const numbered = [...replies.entries()].reverse()
  const finish = async ([n, reply]: [number, string]) => {
    const page = await visit(browser, reply)
    return [n, page.status, page.field('location')] as const
  }
  const sessions = new Set<string>()

  const ended: (readonly [number, number, string | undefined])[] = []
  if (together) {
    const release = issuer.holdExchanges()
    const all = Promise.all(numbered.map(finish))
    await vi.waitUntil(() => issuer.exchanging > 1, { timeout: 30_000 })
    release()
    ended.push(...(await all))
  } else
    for (const each of numbered) {
      ended.push(await finish(each))
      sessions.add(browser.session!)
    }

  expect(ended).toEqual(numbered.map(([n]) => [n, 303, `${url}/app/${n}`]))
  if (!together) expect(sessions.size).toBe(1)
  for (const [n] of numbered) expect((await visit(browser, `${url}/app/${n}`)).status).toBe(200)
})
