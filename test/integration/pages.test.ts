// Refusals and faults are HTML pages for browsers that open a page, and problem documents for every other client.

import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { HttpBrowser, type Page } from '../kit/http-browser.ts'
import { logIn, loginNode } from '../kit/login-gate.ts'
import { startLoginProvider } from '../kit/login-provider.ts'
import { startNode } from '../kit/node.ts'
import { freePort } from '../kit/ports.ts'
import { testRedis } from '../kit/redis.ts'
import { startUpstream } from '../kit/upstream.ts'

const png = Buffer.from('89504e470d0a1a0a', 'hex')
const port = freePort()
const url = `http://127.0.0.1:${port}`
const held = Promise.withResolvers<void>()
const [redis, orders, provider] = await Promise.all([
  testRedis(),
  startUpstream({
    handler: async ({ url: target }, response) => {
      // Requests to these paths get no reply: that to `/held` until the end of its test, that to `/slow` at all.
      if (target.startsWith('/slow')) return
      if (target === '/held/first') await held.promise
      response.end('ok')
    },
  }),
  startLoginProvider({ gate: url }),
])
const session = { session: 'main' }
const options = loginNode({
  issuer: provider.url,
  orders: orders.url,
  redisPort: redis.port,
  port,
  routes: [
    { id: 'admin', match: { path: '/admin/**' }, require: { all: [session, { claims: { admin: { any: ['yes'] } } }] } },
    {
      id: 'limited',
      match: { path: '/limited/**' },
      require: session,
      limits: [{ name: 'pages', by: 'session', requests: 1, window: '1h' }],
    },
    { id: 'small', match: { path: '/small/**' }, require: session, body: { max: '8B' } },
    { id: 'slow', match: { path: '/slow/**' }, require: session, timeouts: { first_byte: '300ms' } },
    { id: 'start', match: { path: '/' }, require: 'public' },
    { id: 'read', match: { path: '/read/**', methods: ['GET'] }, require: 'public' },
  ],
  settings: { check: { peers: ['127.0.0.1'] }, pages: { product: 'Shop & Co', support: 'mailto:help@shop.example' } },
})
const { services } = options.policy as { services: Record<string, unknown> }
const service = (id: string, upstream: string, more: object = {}) => {
  services[id] = { upstreams: [upstream], routes: [{ id, match: { path: `/${id}/**` }, require: session }], ...more }
}
service('dead', `http://127.0.0.1:${freePort()}`)
service('held', orders.url, { max_calls: 1 })
const node = await startNode(options)
const browser = new HttpBrowser()
await logIn(browser, `${url}/app/`)

const problemType = 'application/problem+json'
const asFetch = { headers: { accept: '*/*', 'sec-fetch-mode': 'cors' } }

function expectPage(page: Page, status: number, title: string): void {
  expect(page.status).toBe(status)
  expect(page.field('content-type')).toBe('text/html; charset=utf-8')
  expect(page.field('cache-control')).toBe('no-store')
  expect(page.field('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/)
  expect(page.body).toContain(`<title>${title} · Shop &#38; Co</title>`)
  expect(page.body).toContain('<a href="mailto:help@shop.example">help@shop.example</a>')
  expect(page.body).toContain(`<code>${page.field('x-request-id')}</code>`)
}

test.each([
  ['401 on a route for tokens', '/orders/1', 401, 'This page is for programs'],
  ['403', '/admin/', 403, 'You have no access to this page'],
  ['404', '/absent', 404, 'Page not found'],
  ['400 for an ambiguous path', '/app//x', 400, 'Invalid request'],
  ['502', '/dead/', 502, 'The service has an error'],
  ['504', '/slow/', 504, 'The service did not answer in time'],
])(
  'a browser that opens a page gets an HTML page, and fetch gets a problem document: %s',
  async (_, path, status, title) => {
    const page = await browser.visit(url + path)
    const fetched = await browser.visit(url + path, asFetch)

    expectPage(page, status, title)
    expect([fetched.status, fetched.field('content-type')]).toEqual([status, problemType])
    expect(page.field('www-authenticate')).toBe(fetched.field('www-authenticate'))
  },
)

test('a browser that sends a form to a wrong method, or too much data, gets the page for 405 and 413', async () => {
  const posted = { method: 'POST', headers: { origin: url, 'sec-fetch-site': 'same-origin' } }

  const wrong = await browser.visit(`${url}/read/`, posted)
  const large = await browser.visit(`${url}/small/`, { ...posted, form: { text: 'x'.repeat(20) } })

  expectPage(wrong, 405, 'This action is not possible here')
  expect(wrong.field('allow')).toBe('GET, HEAD')
  expectPage(large, 413, 'Too much data')
  expect(large.body).toContain('<p>The maximum size of the body is 8B, and the body has 25 bytes.</p>')
})

test('a form that is sent without a session gets a page with a link to log in', async () => {
  const posted = { method: 'POST', form: { a: 'b' }, headers: { origin: url, 'sec-fetch-site': 'same-origin' } }

  const page = await new HttpBrowser().visit(`${url}/app/`, posted)

  expectPage(page, 401, 'You are not logged in')
  expect(page.body).toContain(`<a href="${url}/.gatehouse/login?issuer=main">Log in</a>`)
})

test('a request above a rate limit gets limit, window and once the time to wait, as page and as problem document', async () => {
  await browser.visit(`${url}/limited/`)

  const page = await browser.visit(`${url}/limited/`)
  const fetched = await browser.visit(`${url}/limited/`, asFetch)

  expectPage(page, 429, 'Too many requests')
  expect(page.body).toMatch(/<p>The limit pages allows 1 request in 1h; try again in \d+ s\.<\/p>/)
  expect(page.body).toContain('<p>Wait before you try again.</p>')
  const problem = JSON.parse(fetched.body) as { detail: string }
  expect(problem).toMatchObject({ status: 429, code: 'rate_limited', 'violated-policies': ['pages'] })
  expect(problem.detail).toMatch(/^the limit pages allows 1 request in 1h; try again in \d+ s$/)
  expect(problem.detail).toContain(`${fetched.field('retry-after')} s`)
})

test('a browser whose request exceeds max_calls of the service gets the page for 503', async () => {
  const first = browser.visit(`${url}/held/first`)
  await orders.next()
  while (orders.requests.at(-1)!.url !== '/held/first') await orders.next()

  const page = await browser.visit(`${url}/held/second`)
  held.resolve()

  expectPage(page, 503, 'Temporarily unavailable')
  expect((await first).status).toBe(200)
})

test('the page for a user without access names the user, escaped, and has a link to log out', async () => {
  const page = await browser.visit(`${url}/admin/`)

  expect(page.body).toContain('You are logged in as alice &#60;b&#62; (alice@people.test).')
  expect(page.body).toContain(`<a href="${url}/.gatehouse/logout">Log out</a>`)
  expect(page.body).not.toMatch(/claim-mismatch|<b>/)
})

test('the page after a logout has a link to the start page if the policy has a route for it', async () => {
  const page = await new HttpBrowser().visit(`${url}/.gatehouse/logout`)

  expectPage(page, 200, 'You are logged out')
  expect(page.body).toContain(`<a href="${url}/">Go to the start page</a>`)
})

test.each([
  ['Accept prefers JSON', { accept: 'application/json, text/html' }],
  ['Accept has any type', { accept: '*/*' }],
  ['a WebSocket handshake', { accept: 'text/html', 'sec-fetch-mode': 'websocket' }],
  ['XMLHttpRequest for HTML', { accept: 'text/html', 'sec-fetch-mode': 'same-origin' }],
  ['a program with a token that asks for HTML', { accept: 'text/html', authorization: 'Bearer x' }],
])('a client other than a browser that opens a page gets a refusal as problem document: %s', async (_, headers) => {
  const client = new HttpBrowser()
  const page = await client.visit(`${url}/absent`, { headers: { 'sec-fetch-mode': undefined as never, ...headers } })

  expect([page.status, page.field('content-type')]).toEqual([404, problemType])
})

test.each([
  ['gets a page', 'a proxy that passes replies to the browser', '/.gatehouse/check', 'text/html; charset=utf-8'],
  ['gets a problem document', 'nginx', '/.gatehouse/check?style=nginx', problemType],
  ['gets a problem document', 'a proxy configured for oauth2-proxy', '/oauth2/auth', problemType],
])('a refused forward-auth check of a navigation %s: %s', async (_result, _proxy, path, type) => {
  const headers = { 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/admin/', 'x-forwarded-host': `127.0.0.1:${port}` }

  const page = await browser.visit(url + path, { headers: { ...headers, 'x-forwarded-proto': 'http' } })

  expect([page.status, page.field('content-type')]).toEqual([403, type])
})

test('SIGHUP reads the files of pages again; an invalid file is logged, changes nothing, and delays no changed policy', async () => {
  const [logo, css] = [node.folder.file('logo'), node.folder.file('pages.css')]
  const reload = async (line: string) => {
    const seen = node.log.length
    node.reload()
    return node.waitForLine((record) => node.log.indexOf(record) >= seen && record['msg'] === line)
  }
  writeFileSync(logo, png)
  writeFileSync(css, 'main{color:red}')
  const settings = node.folder.file('gatehouse.yaml')
  writeFileSync(settings, stringify({ ...parse(readFileSync(settings, 'utf8')), pages: { logo, css } }))
  await reload('settings reloaded')
  const page = await browser.visit(`${url}/absent`)
  const image = await browser.visit(`${url}/.gatehouse/pages/logo`)
  expect([image.status, image.field('content-type')]).toEqual([200, 'image/png'])
  expect(image.field('content-security-policy')).toContain('sandbox')
  expect(page.body).toContain('<link rel="stylesheet" href="/.gatehouse/pages/css?v=')

  writeFileSync(css, '@import "https://evil.example/x.css";')
  const rejected = await reload('settings rejected; the settings in force stay active')

  expect(JSON.stringify(rejected['problems'])).toContain('contains @import; remove it')
  expect((await browser.visit(`${url}/.gatehouse/pages/css`)).body).toBe('main{color:red}')

  service('more', orders.url)
  node.writePolicy(options.policy!)
  await reload('policy changed')
})
