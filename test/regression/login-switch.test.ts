// A link on another site must not silently replace a session with a login at another issuer.

import { expect, test } from 'vitest'
import { startHonestIssuer } from '../kit/endpoint-issuer.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { loginNode } from '../kit/login-gate.ts'
import { startNode } from '../kit/node.ts'
import { freePort } from '../kit/ports.ts'
import { testRedis } from '../kit/redis.ts'
import { startUpstream } from '../kit/upstream.ts'

const [redis, orders] = await Promise.all([testRedis(), startUpstream()])
const port = freePort()
const url = `http://127.0.0.1:${port}`
const urisOf = (name: string) => [`${url}/.gatehouse/callback/${name}`, `${url}/oauth2/callback/${name}`]
const [main, partner] = await Promise.all([startHonestIssuer(urisOf('main')), startHonestIssuer(urisOf('partner'))])
const login = { redirect: 'issuer' }
const options = loginNode({ issuer: main.url, orders: orders.url, redisPort: redis.port, port, login })
const policy = structuredClone(options.policy) as {
  issuers: Record<string, object>
  services: Record<string, Record<string, unknown>>
}
policy.issuers['partner'] = { ...policy.issuers['main'], issuer: partner.url }
policy.services['orders']!['issuers'] = ['main', 'partner']
await startNode({ ...options, policy })

const sameOrigin = { 'sec-fetch-site': 'same-origin' }
const crossSite = { 'sec-fetch-site': 'cross-site' }

async function loggedInAt(issuer: string): Promise<HttpBrowser> {
  const browser = new HttpBrowser()
  const page = await browser.visit(`${url}/.gatehouse/login?issuer=${issuer}&return_to=/public/`)
  expect([page.status, browser.session]).toEqual([200, expect.any(String)])
  return browser
}

async function issuerOf(browser: HttpBrowser): Promise<unknown> {
  return JSON.parse((await browser.visit(`${url}/.gatehouse/session`)).body).issuer
}

const linksOf = (body: string) =>
  [...body.matchAll(/href="([^"]*)"/g)].map(([, href]) => href!.replaceAll('&#38;', '&'))

test.each([
  [crossSite],
  [{ 'sec-fetch-site': 'same-site' }],
  [{ 'sec-fetch-site': 'none' }],
  [{}],
  [{ ...sameOrigin, origin: 'https://evil.test' }],
])('a login start with %j in a browser with a session at another issuer gets a confirmation page', async (headers) => {
  const browser = await loggedInAt('main')
  const { session } = browser

  const page = await browser.visit(`${url}/.gatehouse/login?issuer=partner&return_to=/app/`, { headers })

  expect([page.status, page.url]).toEqual([200, expect.stringContaining('/.gatehouse/login')])
  expect(page.body).toContain('You are logged in at main.')
  expect([browser.session, await issuerOf(browser)]).toEqual([session, main.url])
})

test('the link of the confirmation page starts a login at the other issuer, even in a browser without Sec-Fetch fields', async () => {
  const browser = await loggedInAt('main')
  const asked = `${url}/.gatehouse/login?issuer=partner&return_to=/public/x&acr_values=a&max_age=60`
  const page = await browser.visit(asked, { headers: crossSite })
  const [next, stay] = linksOf(page.body)

  expect(stay).toBe(`${url}/`)
  const sent = await browser.visit(next!, { redirects: 0 })
  const query = new URL(sent.field('location')!).searchParams
  expect([query.get('acr_values'), query.get('max_age')]).toEqual(['a', '60'])
  const done = await browser.visit(next!.replace(/&(acr_values|max_age)=[^&]*/g, ''))

  expect([done.status, done.url]).toEqual([200, `${url}/public/x`])
  expect(await issuerOf(browser)).toBe(partner.url)
})

test('a login from /oauth2/start keeps its redirect URI through the confirmation page and the page to choose an issuer', async () => {
  const browser = await loggedInAt('main')
  const question = await browser.visit(`${url}/oauth2/start?issuer=partner`, { headers: crossSite })
  const choice = await new HttpBrowser().visit(`${url}/oauth2/start`)

  for (const [from, links] of [
    [browser, linksOf(question.body).slice(0, 1)],
    [new HttpBrowser(), linksOf(choice.body)],
  ] as const) {
    expect(links.length).toBeGreaterThan(0)
    for (const link of links) {
      const sent = await from.visit(link, { redirects: 0 })
      expect(new URL(sent.field('location')!).searchParams.get('redirect_uri')).toContain('/oauth2/callback/')
    }
  }
})

test.each([
  ['a page of this origin', 'main', 'partner', sameOrigin],
  ['another site, with a session at the same issuer', 'main', 'main', crossSite],
  ['another site, without a session', undefined, 'partner', crossSite],
])('a login from %s starts without a confirmation page', async (_, at, issuer, headers) => {
  const browser = at === undefined ? new HttpBrowser() : await loggedInAt(at)

  const page = await browser.visit(`${url}/.gatehouse/login?issuer=${issuer}`, { headers, redirects: 0 })

  expect(page.status).toBe(303)
})

test.each(['', '0'.repeat(32), 'é'.repeat(32), 'a', '%00'.repeat(32)])(
  'a login start with a forged confirmation (%j) gets a confirmation page',
  async (consent) => {
    const browser = await loggedInAt('main')

    const page = await browser.visit(`${url}/.gatehouse/login?issuer=partner&consent=${consent}`, {
      headers: crossSite,
    })

    expect([page.status, page.body.includes('ends that login here')]).toEqual([200, true])
  },
)

test('the confirmation of a change of issuer is valid only for its session, and only once in a query', async () => {
  const [browser, other] = await Promise.all([loggedInAt('main'), loggedInAt('main')])
  const page = await browser.visit(`${url}/.gatehouse/login?issuer=partner`, { headers: crossSite })
  const [next] = linksOf(page.body)

  const elsewhere = await other.visit(next!, { headers: crossSite, redirects: 0 })
  const twice = await browser.visit(`${next}&consent=x`, { headers: crossSite, redirects: 0 })

  expect([elsewhere.status, twice.status]).toEqual([200, 200])
})
