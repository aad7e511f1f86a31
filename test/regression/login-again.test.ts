// The link "Log in again" on the page of a failed login leads to the page that was requested before the login.

import { afterEach, expect, test } from 'vitest'
import { Sealer } from '../../gateway/base/sealer.ts'
import { newLoginSecrets } from '../../gateway/issuers/login-client.ts'
import { ATTEMPT_MS, attemptHash } from '../../gateway/login/attempt.ts'
import { LoginStates } from '../../gateway/login/login-states.ts'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser, type Page } from '../kit/http-browser.ts'
import { loginSecrets } from '../kit/login-gate.ts'

const gate = await startCodeGate()
const { url, callback, issuer } = gate
const target = '/app/x?a=1&b=2'

afterEach(() => {
  issuer.idToken = {}
  issuer.failure = undefined
})

interface Started {
  readonly browser: HttpBrowser
  readonly state: string
  readonly nonce: string
}

async function begin(path = '/.gatehouse/login', query = ''): Promise<Started> {
  const browser = new HttpBrowser()
  const start = await browser.visit(`${url}${path}?return_to=${encodeURIComponent(target)}${query}`, { redirects: 0 })
  return { browser, ...issuer.pending(start.field('location')!) }
}

function reply({ state, nonce }: Omit<Started, 'browser'>, more: Readonly<Record<string, string>> = {}): string {
  return `${callback}?${new URLSearchParams({ code: `code-for.${nonce}`, state, iss: issuer.url, ...more })}`
}

/** Target of the first link on an error page. */
const linkOf = ({ body }: Page) => /href="([^"]*)"/.exec(body)?.[1]?.replaceAll('&#38;', '&') ?? ''

/** Follows the link of an error page and logs in. @returns the Location of the last redirect */
async function logInAgain(browser: HttpBrowser, page: Page): Promise<string | undefined> {
  issuer.idToken = {}
  issuer.failure = undefined
  const location = (await browser.visit(linkOf(page), { redirects: 0 })).field('location')
  if (location?.startsWith(issuer.url) !== true) return location
  const { state, nonce, parameters } = issuer.pending(location)
  const query = new URLSearchParams({ code: `code-for.${nonce}`, state, iss: issuer.url })
  return (await browser.visit(`${parameters.get('redirect_uri')}?${query}`, { redirects: 0 })).field('location')
}

/** Creates a valid `state` parameter of a login that started `ageMs` milliseconds ago. */
function stateOf(ageMs: number): string {
  const sealer = new Sealer(
    [{ id: 'seal-1', secret: Buffer.from(loginSecrets.TEST_ENCRYPTION_KEY, 'base64url') }],
    'login-state',
  )
  return new LoginStates(sealer, () => Date.now() - ageMs).seal({
    issuerName: 'main',
    issuer: attemptHash(issuer.url),
    begunAfterMs: 0,
    ...newLoginSecrets(),
    stepUp: { acrValues: undefined, maxAgeS: undefined },
    returnTo: target,
    redirectUri: attemptHash(callback),
    browser: attemptHash('a cookie'),
    session: undefined,
  })
}

test('the error page of a login that took longer than 15 minutes starts a new login, which returns to the requested page', async () => {
  const browser = new HttpBrowser()
  const page = await browser.visit(reply({ state: stateOf(ATTEMPT_MS + 60_000), nonce: '' }))

  expect([page.status, page.body]).toEqual([400, expect.stringContaining('This login has ended')])
  expect(await logInAgain(browser, page)).toBe(url + target)
})

const gone = { status: 500, body: '{}' }
const invalid = { status: 400, body: '{"error":"invalid_grant"}' }
test.each<[string, number, () => void, Readonly<Record<string, string>>]>([
  ['the issuer fails', 503, () => Object.assign(issuer, { failure: gone }), {}],
  ['the issuer rejects the code', 403, () => Object.assign(issuer, { failure: invalid }), {}],
  ['the ID token is invalid', 403, () => Object.assign(issuer, { idToken: { claims: { iss: 'x' } } }), {}],
  ['the issuer returns access_denied', 403, () => {}, { error: 'access_denied' }],
])('after a failed login (%s), the link "Log in again" leads to the requested page', async (_, status, fail, more) => {
  const started = await begin()
  fail()

  const page = await started.browser.visit(reply(started, more))

  expect(page.status).toBe(status)
  expect(await logInAgain(started.browser, page)).toBe(url + target)
})

test('the error page of a repeated login reply links to the requested page, and the session of the first login reply stays valid', async () => {
  const started = await begin()
  await started.browser.visit(reply(started), { redirects: 0 })
  expect(started.browser.session).toBeDefined()

  const page = await started.browser.visit(reply(started))
  expect([page.status, page.body]).toEqual([400, expect.stringContaining('This login has ended')])
  // The browser has a session that is newer than the start of the failed login, so the link needs no login.
  const { session } = started.browser
  expect(await logInAgain(started.browser, page)).toBe(url + target)
  expect(started.browser.session).toBe(session)
})

test('the error page of a login that was started in another browser starts a new login', async () => {
  const started = await begin()
  const other = new HttpBrowser()

  const page = await other.visit(reply(started))

  expect([page.status, page.body]).toEqual([400, expect.stringContaining('started elsewhere')])
  expect(await logInAgain(other, page)).toBe(url + target)
})

test('the error page of a login reply at the wrong redirect URI starts a new login at the path of that URI', async () => {
  const started = await begin()

  const page = await started.browser.visit(reply(started).replace('/.gatehouse/callback', '/oauth2/callback'))

  expect(page.status).toBe(400)
  expect(linkOf(page)).toContain(`${url}/oauth2/start?`)
  expect(await logInAgain(started.browser, page)).toBe(url + target)
})

test('after a failed login from /oauth2/start, the next login has the same redirect URI and acr_values', async () => {
  const { browser, state, nonce } = await begin('/oauth2/start', '&acr_values=urn:strong')
  const page = await browser.visit(
    reply({ state, nonce }, { error: 'access_denied' }).replace('/.gatehouse/callback', '/oauth2/callback'),
  )

  expect(page.status).toBe(403)
  const next = issuer.pending((await browser.visit(linkOf(page), { redirects: 0 })).field('location')!)
  expect(next.parameters.get('redirect_uri')).toBe(`${url}/oauth2/callback`)
  expect(next.parameters.get('acr_values')).toBe('urn:strong')
})
