// One login for several hosts: login.host and login.return_to, with a real issuer and two nodes.

import { request } from 'undici'
import { expect, test } from 'vitest'
import { caddy as caddyProgram } from '../../deploy/server-program.mjs'
import { startCaddy } from '../kit/caddy.ts'
import { deployed } from '../kit/documented.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { logIn } from '../kit/login-gate.ts'
import { startNode } from '../kit/node.ts'
import { freePort } from '../kit/ports.ts'
import { redisCli } from '../kit/redis-cli.ts'
import { startSharedLoginGate } from '../kit/shared-login-gate.ts'
import { startUpstream } from '../kit/upstream.ts'
import { nginxHere, nginxUpstream } from '../regression/nginx-upstream.ts'

const gate = await startSharedLoginGate()
const { at, hostOf, node, options, provider, redisPort } = gate
const hosts = ['shop', 'wiki', 'mail']
const nginx = nginxHere()
const caddy = caddyProgram.look()?.command
await startNode({ ...options, settings: { ...options.settings, node: { id: 'second' } } })

const logins = () => provider.requests.filter((each) => each.startsWith('POST /login/')).length
const codes = () => provider.requests.filter((each) => each === 'POST /token').length
/** Status of a request of each host that is not a navigation: 200 or 401. */
const statuses = async (browser: HttpBrowser) => {
  const headers = { accept: '*/*', 'sec-fetch-mode': 'cors' }
  const pages = await Promise.all(hosts.map((name) => browser.visit(`${at(name)}/data`, { headers })))
  return pages.map(({ status }) => status)
}

/** Logs a new browser in at all hosts. */
async function everywhere(user = 'alice'): Promise<HttpBrowser> {
  const browser = new HttpBrowser()
  for (const name of hosts) await logIn(browser, `${at(name)}/`, user)
  expect(await statuses(browser)).toEqual([200, 200, 200])
  return browser
}

test('one login gives a browser access to three hosts, with a different cookie at each host', async () => {
  const browser = new HttpBrowser()
  const before = [logins(), codes()]

  for (const name of hosts) {
    const page = await logIn(browser, `${at(name)}/page/${name}?x=1&y=2`)
    expect([page.status, page.url]).toEqual([200, `${at(name)}/page/${name}?x=1&y=2`])
  }

  expect([logins(), codes()]).toEqual(before.map((count) => count + 1))
  const values = ['auth', ...hosts].map((name) => browser.sessionAt(hostOf(name)))
  expect(values).not.toContain(undefined)
  expect(new Set(values).size).toBe(4)
  expect(browser.gateCookies).toHaveLength(4)
})

test('a logout at one host ends the session at every host, and the issuer returns the browser to login.host', async () => {
  const browser = await everywhere()

  const asked = await browser.visit(`${at('wiki')}/.gatehouse/logout`)
  const issuer = await browser.submit(asked, {})
  expect(await statuses(browser)).toEqual([401, 401, 401])

  const done = await browser.submit(issuer, { logout: 'yes' })
  expect(done.url).toMatch(new RegExp(`^${at('auth')}/\\.gatehouse/logout`))
  expect(done.body).toContain('You are logged out')
  expect(done.body, 'login.host has no route, so no start page').not.toContain('Go to the start page')
})

test('a browser that uses three hosts with one login has one session record in Redis', async () => {
  const records = async () => (await redisCli(redisPort, 'KEYS', 'gh:{s:*')).split('\n').filter((key) => key !== '')
  const before = await records()

  await everywhere('bob')

  const added = (await records()).filter((key) => !before.includes(key))
  expect(added).toHaveLength(1)
  const record = await redisCli(redisPort, 'HGETALL', added[0]!)
  for (const name of hosts) expect(record).not.toContain(hostOf(name))
})

test('a logout at the issuer ends the session at every host', async () => {
  const browser = await everywhere()

  const page = await browser.visit(`${provider.url}/session/end`)
  await browser.submit(page, { logout: 'yes' })

  await expect.poll(() => statuses(browser)).toEqual([401, 401, 401])
  expect(provider.failures).toEqual([])
})

test('a step-up login at one host creates a new session, and the other hosts join it without a request to the issuer', async () => {
  const browser = await everywhere()
  const before = browser.sessionAt(hostOf('shop'))

  const page = await logIn(browser, `${at('shop')}/strong/`)
  expect([page.status, page.url]).toEqual([200, `${at('shop')}/strong/`])
  expect(browser.sessionAt(hostOf('shop'))).not.toBe(before)
  const asked = [logins(), codes()]
  for (const name of ['wiki', 'mail']) expect((await browser.visit(`${at(name)}/`)).status).toBe(200)

  expect([logins(), codes()]).toEqual(asked)
})

test('if tabs of one browser open different hosts at the same time, one login is enough, and each tab reaches its page', async () => {
  const browser = new HttpBrowser()
  const forms = await Promise.all([...hosts, ...hosts].map((name, i) => browser.visit(`${at(name)}/tab-${i}`)))

  const pages = []
  for (const form of forms) {
    pages.push(form.body.includes('name="user"') ? await browser.submit(form, { user: 'alice' }) : form)
  }

  expect(pages.map(({ url }) => url)).toEqual([...hosts, ...hosts].map((name, i) => `${at(name)}/tab-${i}`))
  expect(await statuses(browser)).toEqual([200, 200, 200])
})

test('if tabs of one browser join one host at the same time, they stay logged in, whichever cookie the browser keeps', async () => {
  const browser = new HttpBrowser()
  await logIn(browser, `${at('mail')}/`)
  const sent = []
  for (let i = 0; i < 3; i++) {
    const begun = await browser.visit(`${at('shop')}/.gatehouse/login?return_to=/t${i}`, { redirects: 1 })
    sent.push(begun.field('location')!)
  }
  const before = browser.cookies.filter(({ host }) => host === hostOf('shop'))

  const values = await Promise.all(
    sent.map(async (url) => {
      const tab = new HttpBrowser()
      for (const { name, value } of before) tab.keep(`${name}=${value}; Path=/`, hostOf('shop'))
      await tab.visit(url, { redirects: 0 })
      return tab.sessionAt(hostOf('shop'))!
    }),
  )

  expect(new Set(values).size).toBe(3)
  for (const value of values) {
    const tab = new HttpBrowser()
    tab.keep(`gatehouse-loopback=${value}; Path=/`, hostOf('shop'))
    expect((await tab.visit(`${at('shop')}/`)).status).toBe(200)
  }
})

test('host cookies stay valid when the session is refreshed', async () => {
  provider.accessTokenS = 3
  const browser = await everywhere()
  const before = browser.gateCookies
  const refreshes = codes()
  await expect
    .poll(async () => [await statuses(browser), codes() > refreshes], { timeout: 30_000 })
    .toEqual([[200, 200, 200], true])
  provider.accessTokenS = 300

  expect(await statuses(browser)).toEqual([200, 200, 200])
  expect(browser.gateCookies).toEqual(before)
})

test('forward-auth checks for several hosts behind one proxy accept only the cookie of the host in the check', async () => {
  const browser = await everywhere()
  const check = async (name: string, cookieOf: string) => {
    const { statusCode, headers, body } = await request(`http://127.0.0.1:${node.port}/.gatehouse/check`, {
      headers: {
        'x-forwarded-method': 'GET',
        'x-forwarded-uri': '/page?a=1&b=2',
        'x-forwarded-host': new URL(at(name)).host,
        'x-forwarded-proto': 'http',
        'x-forwarded-for': '192.0.2.1',
        accept: 'text/html',
        cookie: `gatehouse-loopback=${browser.sessionAt(hostOf(cookieOf))}`,
      },
    })
    await body.dump()
    return [statusCode, headers['location']]
  }

  for (const name of hosts) {
    for (const cookieOf of [...hosts, 'auth']) {
      const [status, location] = await check(name, cookieOf)
      expect(status, `${cookieOf} at ${name}`).toBe(name === cookieOf ? 200 : 303)
      if (status === 303) expect(location).toMatch(new RegExp(`^${at(name)}/\\.gatehouse/login\\?`))
    }
  }
})

interface Front {
  readonly name: string
  readonly here: boolean
  /** Starts the proxy with its documented configuration. @returns the port of the proxy */
  start(gate: string, service: string): Promise<number>
}

const fronts: Front[] = [
  {
    name: 'nginx',
    here: nginx !== undefined,
    start: (gate, service) =>
      nginxUpstream(nginx!, deployed('forward-auth/nginx.conf', { '127.0.0.1:8080': gate, '127.0.0.1:8101': service })),
  },
  {
    name: 'Caddy',
    here: caddy !== undefined,
    start: (gate, service) =>
      startCaddy(caddy!, (port) =>
        deployed('forward-auth/Caddyfile', {
          'http://api.example': ['auth', ...hosts].map((name) => `http://${name}.localhost:${port}`).join(', '),
          '127.0.0.1:8080': gate,
          '127.0.0.1:8101': service,
        }),
      ),
  },
]

test.for(fronts)(
  'behind one $name with the documented configuration, a browser logs in once for several hosts and logs out of all of them',
  async ({ here, start }, { skip }) => {
    if (!here) skip()
    const [gatePort, service] = [freePort(), await startUpstream()]
    const publicPort = await start(`127.0.0.1:${gatePort}`, `127.0.0.1:${service.port}`)
    const behind = await startSharedLoginGate({ port: gatePort, publicPort })
    const browser = new HttpBrowser()

    const page1 = await logIn(browser, `${behind.at('shop')}/page`)
    expect([page1.status, page1.url]).toEqual([200, `${behind.at('shop')}/page`])
    const page2 = await browser.visit(`${behind.at('wiki')}/page`)
    expect([page2.status, page2.url]).toEqual([200, `${behind.at('wiki')}/page`])
    expect(service.requests.map(({ url }) => url)).toEqual(['/page', '/page'])
    const post = { method: 'POST', headers: { origin: behind.at('wiki'), 'sec-fetch-site': 'same-origin' } }
    expect((await browser.visit(`${behind.at('wiki')}/change`, post)).status).toBe(200)
    await browser.visit(`${behind.at('wiki')}/.gatehouse/logout`, { ...post, redirects: 0 })
    for (const name of ['shop', 'wiki']) {
      const headers = { accept: '*/*', 'sec-fetch-mode': 'cors' }
      const page = await browser.visit(`${behind.at(name)}/page`, { headers })
      expect(page.status).toBe(401)
    }
  },
)

test('a host that was removed from login.return_to accepts no more logins, neither with a code that it already has nor from the issuer', async () => {
  const single = await startSharedLoginGate()
  const browser = new HttpBrowser()
  await logIn(browser, `${single.at('shop')}/`)
  const login = `${single.at('wiki')}/.gatehouse/login`
  const request = (await browser.visit(login, { redirects: 0 })).field('location')!
  const code = (await browser.visit(login, { redirects: 1 })).field('location')!
  expect(code).toContain('/.gatehouse/enter?code=')
  const other = new HttpBrowser()
  const form = await other.visit(login)
  const policy = structuredClone(single.options.policy) as {
    issuers: { main: { login: { return_to: string[] } } }
    services: { orders: { routes: { id: string; require: unknown }[] } }
  }
  policy.issuers.main.login.return_to = ['shop', 'mail'].map(single.hostOf)
  for (const route of policy.services.orders.routes) if (route.id === 'wiki') route.require = 'public'
  const revision = single.node.writePolicy(policy)
  single.node.reload()
  await single.node.waitForLine((line) => line['revision'] === revision)

  const statusOf = async (url: string) => (await browser.visit(url, { redirects: 0 })).status
  expect([await statusOf(code), await statusOf(request), await statusOf(login)]).toEqual([400, 403, 403])
  const page = await other.submit(form, { user: 'alice' })
  expect([page.status, new URL(page.url).pathname]).toEqual([403, '/.gatehouse/callback'])
  expect(page.body).not.toContain(single.hostOf('wiki'))
})
