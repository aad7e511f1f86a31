// Chromium logs in and out at the gate, with a real issuer, two services and two nodes.

import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { gateCookies, logIn, startChromium } from '../kit/chromium.ts'
import { startLoginGate } from '../kit/login-gate.ts'
import { startNode } from '../kit/node.ts'

const [browser, gate] = await Promise.all([startChromium(), startLoginGate()])
const { url, provider, orders, reports, options } = gate
await startNode({ ...options, settings: { ...options.settings, node: { id: 'second-node' } } })

const visits = (upstream: typeof orders, target: string) =>
  upstream.requests.filter((each) => each.url === target).length

test('after a login the gate returns the browser to the requested page, and the session gives access to two services', async () => {
  const context = await browser.newContext()
  const page = await context.newPage()

  const first = `/app/first?x=${randomUUID()}`
  const second = `/reports/${randomUUID()}`
  await logIn(page, url + first)
  expect(visits(orders, first)).toBe(1)

  await page.goto(url + second)
  expect(page.url()).toBe(url + second)
  expect(visits(reports, second)).toBe(1)

  const cookies = await gateCookies(context)
  expect(cookies.map(({ name }) => name)).toEqual(['gatehouse-loopback'])
  expect(cookies[0]!.name.length + cookies[0]!.value.length).toBeLessThan(200)
  expect(await page.evaluate('document.cookie')).not.toContain('gatehouse')
  await context.close()
})

test('five tabs that start a login together and finish in reverse order return to their own pages and share one session', async () => {
  const context = await browser.newContext()
  const tabs = await Promise.all(Array.from({ length: 5 }, () => context.newPage()))
  const urls = tabs.map((_, i) => `${url}/app/tab-${i}`)

  await Promise.all(tabs.map((tab, i) => tab.goto(urls[i]!)))
  const sessions = new Set<string | undefined>()
  for (let i = 4; i >= 0; i--) {
    await tabs[i]!.click('button[value=alice]')
    await tabs[i]!.waitForURL(urls[i]!)
    sessions.add((await gateCookies(context)).find(({ name }) => name === 'gatehouse-loopback')?.value)
  }

  expect(sessions.size).toBe(1)
  expect((await gateCookies(context)).length).toBeLessThanOrEqual(5)
  await context.close()
})

test('the gate refreshes the access token of a session several times without changing the session cookie', async () => {
  provider.accessTokenS = 3
  const context = await browser.newContext()
  const page = await context.newPage()
  await logIn(page, `${url}/app/`)
  const before = await gateCookies(context)
  const refreshes = () => provider.requests.filter((each) => each === 'POST /token').length
  const asked = refreshes()

  await expect
    .poll(
      async () => {
        expect((await page.goto(`${url}/app/`))!.status()).toBe(200)
        return refreshes() - asked
      },
      { interval: 200 },
    )
    .toBeGreaterThan(1)

  expect(page.url()).toBe(`${url}/app/`)
  expect(await gateCookies(context)).toEqual(before)
  provider.accessTokenS = 300
  await context.close()
})

test("a logout at the gate ends the browser's session at the gate and at the issuer", async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  await logIn(page, `${url}/app/`)

  await page.goto(`${url}/.gatehouse/logout`)
  await page.click('button')
  await page.click('button[name=logout]')
  await page.waitForURL(`${url}/.gatehouse/logout*`)

  expect(await page.textContent('h1')).toBe('You are logged out')
  expect(await gateCookies(context)).toEqual([])
  await page.goto(`${url}/app/`)
  // The issuer shows its login page, so the session at the issuer has ended too.
  expect(await page.title()).toBe('Who are you?')
  await context.close()
})

test("a logout at the issuer ends the browser's session at the gate", async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  await logIn(page, `${url}/app/`)

  await page.goto(`${provider.url}/session/end`)
  await page.click('button[name=logout]')
  await page.waitForURL(`${provider.url}/session/end/success*`)

  await page.goto(`${url}/app/`)
  expect(await page.title()).toBe('Who are you?')
  expect(provider.failures).toEqual([])
  await context.close()
})

test('a page that requires stronger authentication causes one step-up login, which replaces the session cookie', async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  await logIn(page, `${url}/app/`)
  const [before] = await gateCookies(context)

  await logIn(page, `${url}/strong/`)

  const [after, ...more] = await gateCookies(context)
  expect(more).toEqual([])
  expect(after!.value).not.toBe(before!.value)
  expect((await page.goto(`${url}/strong/again`))!.status()).toBe(200)
  expect((await page.goto(`${url}/app/`))!.status()).toBe(200)
  await context.close()
})

test.each([
  '//evil.test/x',
  '/\\evil.test',
  'https://evil.test',
  '/%5cevil.test',
  'javascript:alert(1)',
  '/\t/evil.test',
])('the gate returns the browser to the start page after a login with the unsafe return path %j', async (wanted) => {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(`${url}/.gatehouse/login?return_to=${encodeURIComponent(wanted)}`)
  await page.click('button[value=bob]')

  await page.waitForURL(`${url}/`)
  await context.close()
})

test('the gate replies to a fetch() without a session cookie with 401 and the URL of the login, not with a redirect', async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  await logIn(page, `${url}/app/`)
  await context.clearCookies()

  const answer = await page.evaluate(async () => {
    const reply = await fetch('/app/data')
    return { status: reply.status, redirected: reply.redirected, problem: (await reply.json()) as { login?: string } }
  })

  expect([answer.status, answer.redirected]).toEqual([401, false])
  expect(answer.problem.login).toBe(`${url}/.gatehouse/login?issuer=main`)
  await context.close()
})

test("the gate forwards a logged-in browser's POST from a page of the gate's origin, but not from a page of another site", async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  await logIn(page, `${url}/app/`)
  const post = () =>
    page.evaluate(
      async (to) => (await fetch(to, { method: 'POST', body: 'x', credentials: 'include', mode: 'no-cors' })).status,
      `${url}/app/change`,
    )

  expect(await post()).toBe(200)
  const changed = visits(orders, '/app/change')

  await page.goto(`${provider.url}/session/end`)
  await post()
  expect(visits(orders, '/app/change')).toBe(changed)
  await context.close()
})

test('a browser with a hundred unfinished logins has one cookie of the gate, shorter than 200 characters', async () => {
  const context = await browser.newContext()
  for (let i = 0; i < 100; i++) {
    // This login stays unfinished: the test requests the login URL of the gate and does not follow the redirect to the
    // issuer.
    await context.request.get(`${url}/.gatehouse/login?return_to=/app/${i}`, { maxRedirects: 0 })
  }

  const cookies = await gateCookies(context)
  expect(cookies).toHaveLength(1)
  expect(cookies[0]!.name.length + cookies[0]!.value.length).toBeLessThan(200)
  await context.close()
})
