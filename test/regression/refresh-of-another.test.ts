// A refresh must not change the subject of a session (OpenID Connect Core 1.0 §12.2).

import { expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { until } from '../kit/until.ts'

const { url, issuer, nodes, enter } = await startCodeGate()

/** Requests a page until the issuer has received a refresh request. @returns the status of the last reply */
async function afterRefresh(browser: HttpBrowser): Promise<number> {
  const before = issuer.asked.length
  let status = 0
  await until('the session is refreshed', async () => {
    status = (await browser.visit(`${url}/app/`, { redirects: 0 })).status
    return issuer.asked.length > before
  })
  return status
}

// The clock of the node can be wrong, so an ID token from the future ends no session.
test('a refresh with an ID token of the same subject, without an ID token, or with one whose iat is an hour ahead, leaves the session valid', async () => {
  const ahead = { claims: { iat: Math.floor(Date.now() / 1000) + 3600 } }
  for (const idToken of [{}, undefined, ahead]) {
    issuer.idToken = {}
    issuer.expiresInS = 1
    const browser = new HttpBrowser()
    await enter(browser)
    issuer.idToken = idToken
    issuer.expiresInS = 300

    expect(await afterRefresh(browser)).toBe(200)
  }
})

test.each([
  ['of another person', { claims: { sub: 'mallory' } }],
  ['for another client (azp)', { claims: { azp: 'other' } }],
  ['with the typ of an access token', { header: { typ: 'at+jwt' } }],
])('a refresh that returns an ID token %s ends the session', async (_, refreshed) => {
  issuer.idToken = {}
  issuer.expiresInS = 1
  const browser = new HttpBrowser()
  await enter(browser)
  issuer.idToken = refreshed
  issuer.expiresInS = 300

  expect(await afterRefresh(browser)).not.toBe(200)

  issuer.idToken = {}
  expect((await browser.visit(`${url}/app/`, { redirects: 0 })).status).toBe(303)
  expect(nodes[0]!.log.filter(({ level }) => level === 'error')).toEqual([])
})
