// Chromium opens twenty tabs together, as when it restores a window. The gate logs in every tab, and each tab returns
// to its own page. The issuer is real.

import type { BrowserContext, Response } from 'playwright-core'
import { expect, test } from 'vitest'
import { gateCookies, logIn, startChromium } from '../kit/chromium.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { startLoginGate } from '../kit/login-gate.ts'
import { startNode } from '../kit/node.ts'

const TABS = 20

const [browser, gate] = await Promise.all([startChromium(), startLoginGate()])
const { url, options } = gate
await startNode({ ...options, settings: { ...options.settings, node: { id: 'second-node' } } })

const sessionOf = async (context: BrowserContext) =>
  (await gateCookies(context)).find(({ name }) => name === 'gatehouse-loopback')?.value

/** A browser context with a session at the issuer but no valid session at the gate. */
async function contextWithIssuerSession(left: 'no cookie' | 'the cookie of an ended session'): Promise<BrowserContext> {
  const context = await browser.newContext()
  // A busy machine opens twenty pages in more than the 30 s of Playwright's default.
  context.setDefaultNavigationTimeout(100_000)
  const page = await context.newPage()
  await logIn(page, `${url}/app/`)
  await page.close()
  if (left === 'no cookie') await context.clearCookies({ name: /gatehouse/ })
  else {
    const elsewhere = new HttpBrowser()
    elsewhere.session = (await sessionOf(context))!
    await elsewhere.visit(`${url}/.gatehouse/logout`, { headers: { 'sec-fetch-site': 'same-origin' }, redirects: 0 })
    expect((await elsewhere.visit(`${url}/app/`, { redirects: 0 })).status).toBe(303)
  }
  return context
}

/**
 * Opens a page. Repeats the request while the gate replies 503, because Redis misses the deadline of a call on a busy
 * machine.
 */
async function served(open: () => Promise<Response | null>): Promise<Response> {
  let reply = (await open())!
  while (reply.status() === 503) reply = (await open())!
  return reply
}

test.each(['no cookie', 'the cookie of an ended session'] as const)(
  'when a browser with %s opens twenty tabs together, the login in every tab succeeds and each tab returns to its page',
  async (left) => {
    const context = await contextWithIssuerSession(left)
    const tabs = await Promise.all(Array.from({ length: TABS }, () => context.newPage()))

    const replies = await Promise.all(tabs.map((tab, i) => served(() => tab.goto(`${url}/app/tab-${i}`))))

    expect(replies.map((reply) => [reply.status(), reply.url()])).toEqual(
      tabs.map((_, i) => [200, `${url}/app/tab-${i}`]),
    )
    const session = await sessionOf(context)
    for (const tab of tabs) expect((await served(() => tab.reload())).status()).toBe(200)
    expect(await sessionOf(context)).toBe(session)
    await context.close()
  },
)
