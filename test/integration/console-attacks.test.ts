import { expect, test } from 'vitest'
import { ConsoleClient, fromConsole, problemCode } from '../kit/console-client.ts'
import { startIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'

// Attacks on the console of the admin plane: docs/guide/console.md, section "Security". Attack cases S-161 to S-165.

const [issuer, orders] = await Promise.all([startIssuer(), startUpstream()])
const bootstrap = 'bootstrap-token-of-the-console-tests-0123456789'
const adminAudience = 'https://gate.test/admin'
const node = await startNode({
  policy: testPolicy({ issuer: issuer.url, orders: orders.url }),
  settings: {
    admin: {
      listen: '127.0.0.1:0',
      hosts: ['gate-admin.test'],
      issuer: { issuer: issuer.url, audience: [adminAudience] },
      bootstrap_token: { env: 'BOOTSTRAP' },
      one_time_links: true,
    },
  },
  env: { BOOTSTRAP: bootstrap },
})
const own = `127.0.0.1:${node.adminPort}`
const page = ['X-Gatehouse-Console', '1'] as const

async function loggedIn(token = bootstrap): Promise<ConsoleClient> {
  const browser = new ConsoleClient(node.adminPort)
  expect((await browser.logIn(token)).status).toBe(204)
  return browser
}

test.each([
  ['without the field of the console', [['Origin', `http://${own}`]], 401, 'credential_required'],
  ['with the Origin of another site', [page, ['Origin', 'https://evil.example']], 403, 'forbidden'],
  ['with the Origin of another port of the host', [page, ['Origin', 'http://127.0.0.1:1']], 403, 'forbidden'],
  ['with Origin: null', [page, ['Origin', 'null']], 403, 'forbidden'],
  ['from another site by Sec-Fetch-Site', [page, ['Sec-Fetch-Site', 'cross-site']], 403, 'forbidden'],
  ['from another port by Sec-Fetch-Site', [page, ['Sec-Fetch-Site', 'same-site']], 403, 'forbidden'],
  ['without Origin and Sec-Fetch-Site', [page], 403, 'forbidden'],
] as const)('CSRF: the admin API rejects a state change with a console cookie %s', async (_, fields, status, code) => {
  const browser = await loggedIn()
  const call = { method: 'POST', target: '/api/v1/limits/reset', document: {} }
  const forged = await browser.call({ ...call, fields })
  expect([forged.status, problemCode(forged)]).toEqual([status, code])
  const logOut = await browser.call({ method: 'POST', target: '/console/logout', fields })
  expect(logOut.status).toBe(403)
  expect((await browser.call(call)).status).toBe(400)
})

test('CSRF: a form or a script of another site cannot log a browser in to the console', async () => {
  const document = { token: bootstrap }
  for (const fields of [
    [],
    [page],
    [page, ['Origin', 'https://evil.example']],
    [['Origin', `http://${own}`]],
  ] as const) {
    const browser = new ConsoleClient(node.adminPort)
    const reply = await browser.call({ method: 'POST', target: '/console/session', document, fields })
    expect([reply.status, problemCode(reply), reply.all('set-cookie')]).toEqual([403, 'forbidden', []])
  }
})

test('CSRF: the admin plane gives no page of another origin the CORS permission to send X-Gatehouse-Console', async () => {
  const fields = [
    ['Origin', 'https://evil.example'],
    ['Access-Control-Request-Method', 'POST'],
    ['Access-Control-Request-Headers', 'x-gatehouse-console'],
  ] as const
  for (const target of ['/console/session', '/console/logout', '/api/v1/nodes']) {
    const reply = await request(node.adminPort, requestBytes({ method: 'OPTIONS', target, host: own, fields }))
    expect(reply.status).toBeGreaterThanOrEqual(403)
    expect(reply.fields.filter(([name]) => /^access-control/i.test(name))).toEqual([])
  }
})

test('DNS rebinding: the endpoints of the console reply 421 under a foreign host name', async () => {
  for (const target of ['/console/session', '/console/login', '/console/logout', '/console/links', '/callback']) {
    const bytes = requestBytes({ method: 'POST', target, host: 'evil.example', fields: fromConsole })
    expect((await request(node.adminPort, bytes)).status).toBe(421)
  }
})

test('clickjacking: each reply of the console forbids frames, inline scripts and other origins', async () => {
  const browser = new ConsoleClient(node.adminPort)
  for (const target of ['/console/session', '/console/login', '/callback?code=x']) {
    const reply = await browser.call({ target })
    expect(reply.field('x-frame-options')).toBe('DENY')
    const csp = reply.field('content-security-policy')!.split('; ')
    expect(csp).toEqual(expect.arrayContaining(["default-src 'none'", "frame-ancestors 'none'", "script-src 'self'"]))
    expect(csp.join()).not.toMatch(/unsafe|\*|https?:/)
    expect(reply.field('referrer-policy')).toBe('no-referrer')
    expect(reply.field('cross-origin-opener-policy')).toBe('same-origin')
    expect(reply.field('x-content-type-options')).toBe('nosniff')
    expect(reply.field('cache-control')).toBe('no-store')
  }
})

test('a token, a console session or a one-time link in the query of a URL does not authenticate a call', async () => {
  const browser = await loggedIn()
  const [[, session]] = [...browser.cookies] as [[string, string]]
  for (const query of [`token=${bootstrap}`, `access_token=${bootstrap}`, `session=${session}`, `link=${session}`]) {
    const stranger = new ConsoleClient(node.adminPort)
    for (const target of [`/console/session?${query}`, `/status?${query}`]) {
      expect((await stranger.call({ target })).status).toBe(401)
    }
    const posted = await stranger.call({ method: 'POST', target: `/console/session?${query}`, document: {} })
    expect([posted.status, stranger.cookies.size]).toEqual([400, 0])
  }
})

test('a console session has no more scopes than its token', async () => {
  const claims = { aud: adminAudience, sub: 'olga', client_id: 'console', scope: 'gatehouse:read' }
  const browser = await loggedIn(issuer.sign({ claims }))
  for (const [method, target] of [
    ['POST', '/api/v1/limits/reset'],
    ['POST', '/api/v1/revocations'],
    ['POST', '/api/v1/policy/apply'],
    ['GET', '/api/v1/audit/stream'],
  ] as const) {
    const reply = await browser.call({ method, target, ...(method === 'POST' && { document: {} }) })
    expect([reply.status, problemCode(reply)]).toEqual([403, 'insufficient_scope'])
  }
})

test('a call with an invalid token in Authorization gets 401 even if it has the cookie of a valid console session', async () => {
  const browser = await loggedIn()
  for (const target of ['/status', '/console/session']) {
    const reply = await browser.call({ target, token: 'wrong' })
    expect(reply.status).toBe(401)
  }
  const basic = await browser.call({ target: '/status', fields: [...fromConsole, ['Authorization', 'Basic eDp5']] })
  expect([basic.status, problemCode(basic)]).toEqual([401, 'credential_required'])
})

test('an event stream of the admin API is refused for a console cookie without the field X-Gatehouse-Console', async () => {
  const browser = await loggedIn()
  const asEventSource = [
    ['Sec-Fetch-Site', 'same-origin'],
    ['Accept', 'text/event-stream'],
  ] as const
  const reply = await browser.call({ target: '/api/v1/audit/stream', fields: asEventSource })
  expect([reply.status, problemCode(reply)]).toEqual([401, 'credential_required'])
})

test.each([
  ['no session', `${'A'.repeat(43)}.${'0'.repeat(32)}`],
  ['another form', 'x'],
  ['an empty value', ''],
])('the admin API rejects a console cookie with %s', async (_, value) => {
  const browser = new ConsoleClient(node.adminPort)
  browser.cookies.set(`gatehouse-console-${node.adminPort}`, value)
  expect((await browser.call({ target: '/status' })).status).toBe(401)
  expect(problemCode(await browser.session())).toBe('session_ended')
})

test('the admin API ignores a console cookie under the name of another port, or that is sent twice', async () => {
  const browser = await loggedIn()
  const [[name, value]] = [...browser.cookies] as [[string, string]]
  const other = new ConsoleClient(node.adminPort)
  other.cookies.set('gatehouse-console-1', value)
  expect(problemCode(await other.session())).toBe('session_ended')
  const fields = [...fromConsole, ['Cookie', `${name}=${value}; ${name}=${value}`]] as const
  expect(problemCode(await new ConsoleClient(node.adminPort).call({ target: '/console/session', fields }))).toBe(
    'session_ended',
  )
})

test('the data plane forwards no cookie of the console to a service, and accepts none from a service', async () => {
  const cookies = [
    `gatehouse-console-${node.adminPort}=secret-1`,
    'gatehouse-console=secret-2',
    'gatehouse-console-login-9090=secret-3',
    '__Host-gatehouse-console-9090=secret-4',
    '__Host-gatehouse-console-login=secret-5',
  ]
  orders.handler = (_, response) => void response.setHeader('set-cookie', [...cookies, 'mine=1']).end()
  const token = issuer.sign({ claims: { scope: 'orders:read' } })
  const fields = [['Cookie', ['mine=1', ...cookies].join('; ')]] as const
  const reply = await request(node.port, requestBytes({ target: '/orders/1', token, fields }))
  expect((await orders.next()).all('cookie')).toEqual(['mine=1'])
  expect(reply.all('set-cookie')).toEqual(['mine=1'])
})

async function makeLink(client: ConsoleClient, more: object = {}): Promise<string> {
  const reply = await client.call({ method: 'POST', target: '/console/links', token: bootstrap, fields: [], ...more })
  expect(reply.status).toBe(200)
  return (reply.json() as { link: string }).link
}

const useLink = (browser: ConsoleClient, link: string, more: object = {}) =>
  browser.call({ method: 'POST', target: '/console/session', document: { link }, ...more })

test('a one-time link to the console opens one console session with the token of its maker, and is then used up', async () => {
  const browser = new ConsoleClient(node.adminPort)
  const link = await makeLink(browser)
  expect((await useLink(browser, link)).status).toBe(204)
  expect((await browser.session()).json()).toMatchObject({ who: 'bootstrap', credential: 'bootstrap token' })

  const replayed = await useLink(new ConsoleClient(node.adminPort), link)
  expect([replayed.status, problemCode(replayed), replayed.all('set-cookie')]).toEqual([401, 'invalid_token', []])
})

test.each([
  ['a proxy names a client', { fields: [...fromConsole, ['X-Forwarded-For', '192.0.2.7'] as const] }],
  ['a proxy forwards', { fields: [...fromConsole, ['Forwarded', 'for=192.0.2.7'] as const] }],
  ['the host is not loopback', { host: 'gate-admin.test' }],
])('the admin plane neither makes nor accepts a one-time link to the console when %s', async (_, more) => {
  const browser = new ConsoleClient(node.adminPort)
  const made = await browser.call({ method: 'POST', target: '/console/links', token: bootstrap, ...more })
  expect([made.status, problemCode(made)]).toEqual([403, 'forbidden'])
  const link = await makeLink(browser)
  const used = await useLink(browser, link, more)
  expect([used.status, problemCode(used), browser.cookies.size]).toEqual([403, 'forbidden', 0])
  expect((await useLink(browser, link)).status).toBe(204)
})

test('a call with a console cookie, or from a web page, cannot make a one-time link to the console', async () => {
  const browser = await loggedIn()
  const call = { method: 'POST', target: '/console/links' }
  expect(problemCode(await browser.call(call))).toBe('credential_required')
  const fields = [['Origin', 'http://127.0.0.1:1']] as const
  expect(problemCode(await browser.call({ ...call, token: bootstrap, fields }))).toBe('forbidden')
})
