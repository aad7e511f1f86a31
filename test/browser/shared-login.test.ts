// Chromium logs in once for three hosts over https, with a real issuer and `__Host-` cookies.

import { Agent, request } from 'undici'
import { expect, test } from 'vitest'
import { logIn, startChromium } from '../kit/chromium.ts'
import { atEnd } from '../kit/cleanup.ts'
import { startSharedLoginGate } from '../kit/shared-login-gate.ts'

const [browser, gate] = await Promise.all([
  startChromium('--host-resolver-rules=MAP *.gate.test 127.0.0.1'),
  startSharedLoginGate({ secure: true }),
])
const { at, hostOf, provider } = gate
const hosts = ['shop', 'wiki', 'mail']

const newContext = () => browser.newContext({ ignoreHTTPSErrors: true })
type Context = Awaited<ReturnType<typeof newContext>>

const gateCookies = async (context: Context) =>
  (await context.cookies()).filter(({ name }) => name.startsWith('__Host-gatehouse'))

/** Logs a new browser in at the host shop, and opens the other hosts. */
async function everywhere(): Promise<Context> {
  const context = await newContext()
  const page = await context.newPage()
  await logIn(page, `${at('shop')}/page`)
  for (const name of hosts) {
    expect((await page.goto(`${at(name)}/page?of=${name}`))!.status()).toBe(200)
    expect(page.url()).toBe(`${at(name)}/page?of=${name}`)
  }
  return context
}

const agent = new Agent({ connect: { servername: hostOf('auth'), rejectUnauthorized: false } })
atEnd(() => agent.close())

/** Sends one request with the cookies of a browser, and keeps the cookies of the reply. @returns the redirect URL */
async function redirectOf(context: Context, url: string): Promise<string> {
  const cookie = (await context.cookies(url)).map(({ name, value }) => `${name}=${value}`).join('; ')
  const { host, port, pathname, search } = new URL(url)
  const { headers, body } = await request(`https://127.0.0.1:${port}${pathname}${search}`, {
    dispatcher: agent,
    headers: { host, cookie, accept: 'text/html' },
  })
  await body.dump()
  const set = [headers['set-cookie'] ?? []].flat().map((line) => /^([^=]+)=([^;]*)/.exec(line)!)
  await context.addCookies(
    set.map(([, name, value]) => ({ url: new URL('/', url).href, name: name!, value: value!, secure: true })),
  )
  return headers['location'] as string
}

/** Lets a logged-in browser obtain a hand-over code. @returns URL at the host, with the code */
async function codeUrl(context: Context, login: string): Promise<string> {
  const url = await redirectOf(context, await redirectOf(context, login))
  expect(url).toContain(`${at('shop')}/.gatehouse/enter?code=`)
  return url
}

test('one login gives a browser access to three hosts, with cookies that have different values and no Domain attribute', async () => {
  const before = provider.requests.filter((each) => each === 'POST /token').length
  const context = await everywhere()

  expect(provider.requests.filter((each) => each === 'POST /token').length).toBe(before + 1)
  const cookies = await gateCookies(context)
  expect(cookies.map(({ domain }) => domain).sort()).toEqual(['auth', ...hosts].map(hostOf).sort())
  expect(new Set(cookies.map(({ value }) => value)).size).toBe(4)
  for (const { name, httpOnly, secure, sameSite } of cookies) {
    expect([name, httpOnly, secure, sameSite]).toEqual(['__Host-gatehouse', true, true, 'Lax'])
  }
  await context.close()
})

test('a logout at one host logs the browser out at every host and at the issuer', async () => {
  const context = await everywhere()
  const page = await context.newPage()

  await page.goto(`${at('wiki')}/.gatehouse/logout`)
  await page.click('button')
  await page.click('button[name=logout]')
  await page.waitForURL(`${at('auth')}/.gatehouse/logout*`)

  expect(await page.textContent('h1')).toBe('You are logged out')
  for (const name of hosts) {
    await page.goto(`${at(name)}/page`)
    expect(await page.title()).toBe('Who are you?')
  }
  await context.close()
})

test('a stolen login code of a host is refused at another host and in another browser, and is in no browser history', async () => {
  const context = await everywhere()
  const page = await context.newPage()
  await context.clearCookies({ domain: hostOf('shop') })
  const login = `${at('shop')}/.gatehouse/login?return_to=/page`
  const [url, lost] = [await codeUrl(context, login), await codeUrl(context, login)]

  const thief = await newContext()
  const stolen = await thief.newPage()
  for (const place of [url.replace(at('shop'), at('wiki')), url.replace(at('shop'), at('mail')), lost]) {
    expect((await stolen.goto(place))!.status()).toBe(400)
  }
  expect(await gateCookies(thief)).toEqual([])
  // The attempt of the thief has redeemed the second code, so it opens nothing for the user either.
  expect((await page.goto(lost))!.status()).toBe(400)
  await page.goto(url)
  expect(page.url()).toBe(`${at('shop')}/page`)
  expect((await page.goto(url))!.status()).toBe(400)
  await thief.close()
  await context.close()
})

test('a browser that is logged in for other hosts gets no session at a host that does not share the login', async () => {
  const context = await everywhere()
  const page = await context.newPage()

  for (const host of ['open', 'evil']) {
    const reply = (await page.goto(`${at(host)}/.gatehouse/login?return_to=/page`))!
    expect([reply.status(), await page.textContent('h1')]).toEqual([403, 'No login at this host'])
  }
  // This host is no public URL: the login is one of login.host, and stays there.
  await page.goto(`${at('evil.shop')}/.gatehouse/login?return_to=/page`)
  expect(page.url()).toBe(`${at('auth')}/page`)

  const names = (await gateCookies(context)).filter(({ name }) => name === '__Host-gatehouse')
  expect(names.map(({ domain }) => domain).sort()).toEqual(['auth', ...hosts].map(hostOf).sort())
  await context.close()
})

test('if three tabs open three hosts at the same time, one login is enough, and each tab reaches its page', async () => {
  const context = await newContext()
  const tabs = await Promise.all(hosts.map(() => context.newPage()))
  await Promise.all(tabs.map((tab, i) => tab.goto(`${at(hosts[i]!)}/tab`)))

  for (const [i, tab] of tabs.entries()) {
    await tab.click('button[value=alice]')
    await tab.waitForURL(`${at(hosts[i]!)}/tab`)
  }

  expect((await gateCookies(context)).filter(({ name }) => name === '__Host-gatehouse')).toHaveLength(4)
  await context.close()
})
