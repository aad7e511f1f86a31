// Logins with different issuers and policies: pushed authorization requests (RFC 9126), client authentication, opaque access tokens, several issuers.

import { generateKeyPairSync } from 'node:crypto'
import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { logIn, loginNode, startLoginGate } from '../kit/login-gate.ts'
import { startNode } from '../kit/node.ts'
import { freePort } from '../kit/ports.ts'
import { StartFailure } from '../kit/test-node.ts'

const gate = await startLoginGate({ pushedRequests: true })
const { url, provider, orders } = gate

test('with pushed authorization requests, the login redirect has only client_id and request_uri, and the login succeeds', async () => {
  const browser = new HttpBrowser()
  const start = await browser.visit(`${url}/.gatehouse/login`, { redirects: 0 })

  expect([...new URL(start.field('location')!).searchParams.keys()].sort()).toEqual(['client_id', 'request_uri'])
  expect((await logIn(browser, `${url}/app/`)).status).toBe(200)
})

const pushing = await startCodeGate()

test.each([
  { error: 'invalid_redirect_uri', status: 400, remedy: /register the redirect URI http:\S+\/oauth2\/callback for/ },
  { error: 'invalid_client', status: 401, remedy: /compare issuers\.main\.login\.client_id/ },
  { error: 'unknown_error', status: 400, remedy: /register the redirect URI/ },
])(
  'the gate replies 503 to a login and logs the remedy when the issuer refuses the pushed authorization request with $error',
  async ({ error, status, remedy }) => {
    const { issuer, nodes, url } = pushing
    issuer.pushes = true
    issuer.failure = { status, body: JSON.stringify({ error }) }

    const page = await new HttpBrowser().visit(`${url}/oauth2/start`, { redirects: 0 })

    expect([page.status, page.field('retry-after')]).toEqual([503, undefined])
    expect(page.body).not.toContain('<a ')
    const line = await nodes[0]!.waitForLine((each) => String(each['problem']).includes(`(${error})`))
    expect(line).toMatchObject({ level: 'warn', msg: 'login refused', reason: 'login-misconfigured', issuer: 'main' })
    expect(line['problem']).toMatch(remedy)
    const record = await nodes[0]!.waitForRecord(({ id }) => id === page.field('x-request-id'))
    expect(record).toMatchObject({ path: '/oauth2/start', reason: 'login-misconfigured' })
  },
)

test('if the access token of a login is for another audience, the session has the subject of the ID token and no scopes', async () => {
  provider.forGate = false
  const browser = new HttpBrowser()
  const page = await logIn(browser, `${url}/app/`)
  provider.forGate = true

  expect(page.status).toBe(200)
  const assertion = decodeJwt(orders.requests.at(-1)!.all('x-gatehouse-jwt-assertion')[0]!)
  expect(assertion).toMatchObject({ sub: 'alice', client_id: 'web', scope: '', acr: 'urn:plain' })
  expect((await browser.visit(`${url}/scoped/`)).status).toBe(403)
})

test('a session has the scopes of the access token of its login', async () => {
  const browser = new HttpBrowser()
  await logIn(browser, `${url}/app/`)

  expect((await browser.visit(`${url}/scoped/`)).status).toBe(200)
})

test('after a step-up login the browser returns to the requested page, and a route that requires a recent login then needs no further login', async () => {
  const browser = new HttpBrowser()
  await logIn(browser, `${url}/app/`)
  const strong = await logIn(browser, `${url}/strong/`)
  expect([strong.status, strong.url]).toEqual([200, `${url}/strong/`])
  expect((await browser.visit(`${url}/recent/`, { redirects: 0 })).status).toBe(200)
})

test('acr and auth_time of the ID token override those of the access token, so that a step-up is not repeated', async () => {
  provider.tokenClaims = { acr: 'urn:weak', auth_time: 1 }
  const browser = new HttpBrowser()
  const pages = []
  for (const path of ['/app/', '/strong/']) pages.push(await logIn(browser, url + path))
  pages.push(await browser.visit(`${url}/recent/`, { redirects: 0 }))
  provider.tokenClaims = {}

  expect(pages.map(({ status }) => status)).toEqual([200, 200, 200])
  const assertion = decodeJwt(orders.requests.at(-1)!.all('x-gatehouse-jwt-assertion')[0]!)
  expect(assertion['acr']).toBe('urn:strong')
})

test('when the user denies a login at the issuer, the gate shows a 403 page without script and creates no session', async () => {
  const browser = new HttpBrowser()
  const form = await browser.visit(`${url}/app/`)
  const page = await browser.submit(form, { deny: '1' })

  expect(page.status).toBe(403)
  expect(page.body).not.toContain('<script')
  expect(browser.session).toBeUndefined()
})

test('with private_key_jwt, the token request has a client assertion and PKCE verifier and no client secret', async () => {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
  const { issuer, enter, nodes } = await startCodeGate({
    login: { client_secret: undefined, private_key: { env: 'TEST_CLIENT_KEY' } },
    env: { TEST_CLIENT_KEY: JSON.stringify(key) },
  })
  const browser = new HttpBrowser()

  expect((await enter(browser)).status).toBe(200)
  const [tokenRequest] = issuer.asked
  expect(decodeJwt(tokenRequest!.get('client_assertion')!)).toMatchObject({ iss: 'web', sub: 'web', aud: issuer.url })
  expect(tokenRequest!.get('client_secret')).toBeNull()
  expect(tokenRequest!.get('code_verifier')).toMatch(/^.{43,}$/)
  await nodes[0]!.stop()
})

test('with several issuers, the login page offers each issuer, and a route with a login issuer redirects to that issuer', async () => {
  const port = freePort()
  const login = { redirect: 'issuer' }
  const options = loginNode({ issuer: provider.url, orders: orders.url, redisPort: gate.redisPort, port, login })
  const policy = structuredClone(options.policy) as {
    issuers: Record<string, Record<string, unknown>>
    services: Record<string, Record<string, unknown>>
  }
  policy.issuers['partner'] = { ...policy.issuers['main'], issuer: 'https://partner.test' }
  policy.services['orders']!['issuers'] = ['main', 'partner']
  await startNode({ ...options, policy })
  const browser = new HttpBrowser()
  const own = `http://127.0.0.1:${port}`

  const choice = await browser.visit(`${own}/.gatehouse/login?return_to=/app/x`)
  expect(choice.status).toBe(200)
  const links = [...choice.body.matchAll(/href="([^"]*)"/g)].map(([, href]) => href)
  expect(links).toEqual(
    ['main', 'partner'].map((name) => `${own}/.gatehouse/login?return_to=%2Fapp%2Fx&#38;issuer=${name}`),
  )
  const sent = await browser.visit(`${own}/app/x`, { redirects: 0 })
  expect(sent.field('location')).toBe(`${own}/.gatehouse/login?return_to=%2Fapp%2Fx&issuer=main&refused=none`)
})

test.each([
  ['Redis', { redis: undefined }, 'redis'],
  ['an encryption key', { keys: { assertion: [{ id: 'a', secret: { file: 'assertion.jwk' } }] } }, 'keys.encryption'],
])('a node with login does not start without %s, and the error names the setting', async (_, settings, path) => {
  const port = freePort()
  const login = { redirect: 'issuer' }
  const options = loginNode({ issuer: provider.url, orders: orders.url, redisPort: gate.redisPort, port, login })

  const failure = await startNode({ ...options, settings: { ...options.settings, ...settings } }).catch(
    (error) => error,
  )

  expect(failure).toBeInstanceOf(StartFailure)
  expect(failure.exitCode).toBe(1)
  expect(failure.stderr + failure.stdout).toContain(path)
})

test('the gate replies to a login with a 503 page and Retry-After while the issuer is down', async () => {
  const browser = new HttpBrowser()
  const port = freePort()
  const options = loginNode({
    issuer: `http://127.0.0.1:${freePort()}`,
    orders: orders.url,
    redisPort: gate.redisPort,
    port,
  })
  await startNode(options)

  const page = await browser.visit(`http://127.0.0.1:${port}/.gatehouse/login`)

  expect([page.status, page.field('retry-after')]).toEqual([503, '5'])
  expect(page.body).toContain('Temporarily unavailable')
})
