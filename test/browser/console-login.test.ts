// Chromium logs in to the console at a real issuer of another site.

import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { gateCookies, startChromium } from '../kit/chromium.ts'
import { consoleClient, startLoginProvider } from '../kit/login-provider.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { freePort } from '../kit/ports.ts'

const bootstrap = randomBytes(32).toString('base64url')
const port = freePort()
// The console is at `localhost` and the issuer at 127.0.0.1, so the two are different sites.
const origin = `http://localhost:${port}`
const [browser, provider] = await Promise.all([
  startChromium(),
  startLoginProvider({ gate: 'http://127.0.0.1:9', console: origin }),
])
await startNode({
  policy: testPolicy({ issuer: 'http://127.0.0.1:9', orders: 'http://127.0.0.1:9' }),
  settings: {
    admin: {
      listen: `127.0.0.1:${port}`,
      issuer: { issuer: provider.url, audience: [consoleClient.resource] },
      login: {
        client_id: consoleClient.id,
        client_secret: { env: 'CONSOLE_SECRET' },
        origin,
        resource: consoleClient.resource,
      },
      bootstrap_token: { env: 'BOOTSTRAP' },
      one_time_links: true,
    },
  },
  env: { CONSOLE_SECRET: consoleClient.secret, BOOTSTRAP: bootstrap },
})

test('after a log-in at an issuer of another site, the browser sends the strict session cookie with the next page and its calls', async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(`${origin}/console/login?to=${encodeURIComponent('/livez?from=login')}`)
  expect(new URL(page.url()).origin).toBe(provider.url)

  const arrived = page.waitForRequest((request) => request.url() === `${origin}/livez?from=login`)
  await page.click('button[value=alice]')
  const { cookie } = await (await arrived).allHeaders()
  await page.waitForURL(`${origin}/livez?from=login`)

  const cookies = await gateCookies(context)
  expect(cookies.map(({ name }) => name)).toEqual([`gatehouse-console-${port}`])
  expect(cookie).toContain(`${cookies[0]!.name}=${cookies[0]!.value}`)
  expect(await page.evaluate('document.cookie')).not.toContain('gatehouse')
  const fetched = await page.evaluate(async () => {
    const reply = await fetch('/console/session', { headers: { 'x-gatehouse-console': '1' } })
    return reply.json()
  })
  expect(fetched).toMatchObject({ who: 'alice', scopes: expect.arrayContaining(['gatehouse:read']) })

  const status = await page.evaluate(async () => {
    const { ok } = await fetch('/console/logout', { method: 'POST', headers: { 'x-gatehouse-console': '1' } })
    const reply = await fetch('/console/session', { headers: { 'x-gatehouse-console': '1' } })
    return [ok, reply.status]
  })
  expect(status).toEqual([true, 401])
  expect(await gateCookies(context)).toEqual([])
  await context.close()
})

test('a page of another site on the same machine cannot call the admin API with the console cookie of the browser', async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(`${origin}/console/login?to=${encodeURIComponent('/livez')}`)
  await page.click('button[value=alice]')
  await page.waitForURL(`${origin}/livez`)

  const foreign = await context.newPage()
  await foreign.goto(`http://127.0.0.1:${port}/livez`)
  const outcomes = await foreign.evaluate(async (target) => {
    const blocked = async (init: object) =>
      fetch(target, { credentials: 'include', ...init }).then(
        () => 'sent',
        () => 'blocked',
      )
    return [await blocked({ headers: { 'x-gatehouse-console': '1' } }), await blocked({ method: 'POST' })]
  }, `${origin}/console/session`)
  expect(outcomes).toEqual(['blocked', 'blocked'])
  await context.close()
})

test('an operator who logs in to the console at the issuer returns to the requested address of the console, and can log out', async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  const address = `${origin}/explain?url=/nothing`
  await page.goto(address)
  await page.click('text=Log in with the issuer')
  await page.click('button[value=alice]')
  await page.waitForURL(address)
  await page.waitForSelector('h1:has-text("Explain")')
  expect((await gateCookies(context)).map(({ name }) => name)).toEqual([`gatehouse-console-${port}`])

  // The button is in a menu.
  await page.click('summary:has-text("alice")')
  await page.click('text=Log out')
  await page.waitForSelector('text=Log in with the issuer')
  expect(await gateCookies(context)).toEqual([])
  await context.close()
})

test('the console exchanges a one-time link for a console session and removes the code of the link from the address bar', async () => {
  const made = await fetch(`${origin}/console/links`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bootstrap}` },
  })
  const { link } = (await made.json()) as { link: string }
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(`${origin}/explain#link=${link}`)
  await page.waitForSelector('h1:has-text("Explain")')
  expect(page.url()).toBe(`${origin}/explain`)
  expect(await gateCookies(context)).toHaveLength(1)
  await context.close()
})
