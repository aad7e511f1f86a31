// S-099, S-092: while the issuer keys cannot be fetched, the gate replies 503 to a login or a logout token, not 400. An
// issuer does not repeat a logout that got 400 (OpenID Connect Back-Channel Logout 1.0 §2.8), so the session would stay
// alive.

import { request } from 'undici'
import { expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { until } from '../kit/until.ts'

const { url, issuer, nodes, enter } = await startCodeGate({ keys: { status: 503 } })

async function sendLogout(token: string) {
  const { statusCode, headers, body } = await request(`${url}/.gatehouse/backchannel-logout`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ logout_token: token }).toString(),
  })
  await body.dump()
  return { status: statusCode, retryAfter: headers['retry-after'] }
}

test('the gate replies 503 to a logout token until the issuer keys are available, and then accepts the same token', async () => {
  const token = issuer.logoutToken({ claims: { sub: 'alice' } })

  // Send more requests than the failure limit of an address allows: an unreachable issuer is not charged to the client
  // address.
  for (let i = 0; i < 60; i++) expect(await sendLogout(token)).toEqual({ status: 503, retryAfter: '5' })
  const { reason } = await nodes[0]!.waitForRecord(({ path }) => path === '/.gatehouse/backchannel-logout')
  expect(reason).toBe('issuer-unreachable')

  const page = await enter(new HttpBrowser())
  expect(page.status).toBe(503)
  expect(page.url).toContain('/.gatehouse/callback')

  issuer.answer('keys')
  await until('the keys are fetched again', async () => (await sendLogout(token)).status === 200, 45_000)
  expect((await enter(new HttpBrowser())).status).toBe(200)
})
