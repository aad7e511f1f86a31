// An issuer signs with a new key less than 10 s after the gate last fetched its key set, which is the cooldown of the
// fetch.

import { request } from 'undici'
import { beforeEach, expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { testAudience } from '../kit/issuer.ts'
import { type SigningKey, signingKey } from '../kit/signing-key.ts'

const gate = await startCodeGate()
const { url, issuer, enter } = gate
let key: SigningKey

/**
 * Makes the gate fetch the issuer keys, which starts the cooldown, unless an earlier fetch has started it. Any client
 * can cause such a fetch.
 */
async function sendUnknownKey(): Promise<void> {
  const nowS = Math.floor(Date.now() / 1000)
  const claims = {
    iss: issuer.url,
    sub: 'mallory',
    client_id: 'm',
    aud: testAudience,
    iat: nowS,
    exp: nowS + 60,
    jti: 'j',
  }
  const token = issuer.signJwt(claims, { typ: 'at+jwt', kid: `unknown-${key.kid}` })
  await request(`${url}/orders/1`, { headers: { authorization: `Bearer ${token}` } }).then(({ body }) => body.dump())
}

beforeEach(async () => {
  key = signingKey('ES256')
  issuer.idToken = {}
  await sendUnknownKey()
  issuer.announce(key)
})

test('a login with an ID token that is signed with a new issuer key creates a session, even during the cooldown of the key fetch', async () => {
  issuer.idToken = { key }
  const browser = new HttpBrowser()

  const page = await enter(browser)

  expect([page.status, page.url]).toEqual([200, `${url}/app/`])
})

test('a logout token that is signed with a new issuer key ends the session, even during the cooldown of the key fetch', async () => {
  const browser = new HttpBrowser()
  await enter(browser)

  const { statusCode, body } = await request(`${url}/.gatehouse/backchannel-logout`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ logout_token: issuer.logoutToken({ key }) }).toString(),
  })
  await body.dump()

  expect(statusCode).toBe(200)
  expect((await browser.visit(`${url}/app/`, { redirects: 0 })).status).toBe(303)
})
