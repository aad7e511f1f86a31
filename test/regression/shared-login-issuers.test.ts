// S-158: two issuers whose logins take place at one host (login.host) have no part in each other's logins.

import { expect, test } from 'vitest'
import { codesAt, startHonestIssuer } from '../kit/endpoint-issuer.ts'
import { HttpBrowser, type Page } from '../kit/http-browser.ts'
import { loginNode } from '../kit/login-gate.ts'
import { startNode } from '../kit/node.ts'
import { freePort } from '../kit/ports.ts'
import { testRedis } from '../kit/redis.ts'
import { startUpstream } from '../kit/upstream.ts'

const [redis, orders] = await Promise.all([testRedis(), startUpstream()])
const port = freePort()
const at = (name: string) => `http://${name}.localhost:${port}`
const urisOf = (name: string) => [`${at('auth')}/.gatehouse/callback/${name}`]
const [main, partner] = await Promise.all([startHonestIssuer(urisOf('main')), startHonestIssuer(urisOf('partner'))])

const hosts = { shop: 'main', wiki: 'partner' }
const options = loginNode({
  issuer: main.url,
  orders: orders.url,
  redisPort: redis.port,
  port,
  login: { redirect: 'issuer', host: 'auth.localhost', return_to: ['shop.localhost'] },
  routes: Object.entries(hosts).map(([id, session]) => ({
    id,
    match: { host: `${id}.localhost`, path: '/**' },
    require: { session },
  })),
  settings: { public_url: [at('auth'), at('*')] },
})
const policy = structuredClone(options.policy) as {
  issuers: Record<string, { login: object }>
  services: Record<string, Record<string, unknown>>
}
const { main: entry } = policy.issuers
const login = { ...entry!.login, return_to: ['wiki.localhost'] }
policy.issuers['partner'] = { ...entry, ...{ issuer: partner.url }, login }
policy.services['orders']!['issuers'] = ['main', 'partner']
await startNode({ ...options, policy })

const step = (browser: HttpBrowser, url: string) => browser.visit(url, { redirects: 0 })
const next = async (browser: HttpBrowser, page: Page) => step(browser, page.field('location')!)

/** Opens a page of a host. @returns reply of login.host to the login request of the host */
function arrive(browser: HttpBrowser, name: string): Promise<Page> {
  return browser.visit(`${at(name)}/page`, { redirects: 2 })
}

async function loggedIn(name: string): Promise<HttpBrowser> {
  const browser = new HttpBrowser()
  expect((await browser.visit(`${at(name)}/page`)).url).toBe(`${at(name)}/page`)
  return browser
}

async function issuerAt(browser: HttpBrowser, name: string): Promise<unknown> {
  return JSON.parse((await step(browser, `${at(name)}/.gatehouse/session`)).body).issuer
}

test('S-158 login.host gives no code for a session of another issuer, and asks the user before it replaces the session', async () => {
  const browser = await loggedIn('shop')

  const page = await arrive(browser, 'wiki')

  expect([page.status, page.field('location')]).toEqual([200, undefined])
  expect(page.body).toContain('You are logged in at main.')
  expect(await issuerAt(browser, 'auth')).toBe(main.url)

  const link = /href="([^"]*consent[^"]*)"/.exec(page.body)![1]!.replaceAll('&#38;', '&')
  expect((await browser.visit(link)).url).toBe(`${at('wiki')}/page`)
  expect([await issuerAt(browser, 'wiki'), await issuerAt(browser, 'shop')]).toEqual([partner.url, undefined])
})

test('S-158 the consent to replace a session is not valid in another browser', async () => {
  const [attacker, victim] = [await loggedIn('shop'), await loggedIn('shop')]
  const asked = await arrive(attacker, 'wiki')
  const link = /href="([^"]*consent[^"]*)"/.exec(asked.body)![1]!.replaceAll('&#38;', '&')

  const page = await step(victim, link)

  expect([page.status, page.field('location')]).toEqual([200, undefined])
  expect(await issuerAt(victim, 'auth')).toBe(main.url)
})

test('S-158 after a login at another issuer has ended, the reply to an earlier login creates no session, and the gate does not redeem its code', async () => {
  const browser = new HttpBrowser()
  const toIssuer = await arrive(browser, 'wiki')
  await browser.visit(`${at('shop')}/page`)
  const exchanged = codesAt(partner).length

  const reply = await next(browser, toIssuer)
  const page = await next(browser, reply)

  expect(page.field('location')).toBe(`${at('wiki')}/page`)
  expect(codesAt(partner).length).toBe(exchanged)
  expect(await issuerAt(browser, 'wiki')).toBeUndefined()
})

test('S-158 a reply of one issuer at the callback of another issuer creates no session and gives no code', async () => {
  const browser = new HttpBrowser()
  const reply = await next(browser, await arrive(browser, 'shop'))
  const moved = reply.field('location')!.replace('/callback/main', '/callback/partner')

  const page = await step(browser, moved)

  expect([page.status, page.field('location'), page.field('set-cookie')]).toEqual([400, undefined, undefined])
  expect(codesAt(partner)).not.toContain(new URL(moved).searchParams.get('code'))
})
