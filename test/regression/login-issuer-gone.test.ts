// S-087, S-090, S-102: sessions of an issuer that was removed from the policy admit no request, and do not prevent a
// login or logout.

import { afterEach, expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { type CodeIssuer, startCodeIssuer } from '../kit/code-issuer.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { loginNode } from '../kit/login-gate.ts'

const [gate, other] = await Promise.all([startCodeGate(), startCodeIssuer()])
const { url, issuer, orders, redisPort, enter } = gate
const node = gate.nodes[0]!
const port = Number(new URL(url).port)

let activeRevision = ''

/** Activates a policy in which this issuer has the name `main`. */
async function setMainIssuer({ url: issuerUrl }: CodeIssuer): Promise<void> {
  const { policy } = loginNode({ issuer: issuerUrl, orders: orders.url, redisPort, port })
  const seen = node.log.length
  const revision = node.writePolicy(policy)
  if (revision === activeRevision) return
  activeRevision = revision
  node.reload()
  await node.waitForLine((line) => line['revision'] === revision && node.log.indexOf(line) >= seen)
}

afterEach(async () => {
  await setMainIssuer(issuer)
  issuer.expiresInS = 300
})

/**
 * Creates a browser with a session at an issuer, and then gives the name of that issuer in the policy to another
 * issuer.
 */
async function browserOfRemovedIssuer(): Promise<HttpBrowser> {
  const browser = new HttpBrowser()
  await enter(browser)
  await setMainIssuer(other)
  return browser
}

test('S-087 a login at the new issuer replaces the session of a removed issuer, which stays ended when the old policy returns', async () => {
  const browser = await browserOfRemovedIssuer()
  const before = browser.session!
  const start = await browser.visit(`${url}/.gatehouse/login?return_to=/app/`, { redirects: 0 })
  const { state } = other.pending(start.field('location')!)

  const page = await browser.visit(`${gate.callback}?${new URLSearchParams({ code: 'c', state, iss: other.url })}`)

  expect([page.status, page.url]).toEqual([200, `${url}/app/`])
  expect(browser.session).not.toBe(before)
  await setMainIssuer(issuer)
  browser.session = before
  expect((await browser.visit(`${url}/app/`, { redirects: 0 })).status).toBe(303)
})

test('S-090 a login cannot complete after the policy assigns the name of its issuer to another issuer', async () => {
  const browser = new HttpBrowser()
  const start = await browser.visit(`${url}/.gatehouse/login`, { redirects: 0 })
  const { state } = issuer.pending(start.field('location')!)
  await setMainIssuer(other)

  const page = await browser.visit(`${gate.callback}?${new URLSearchParams({ code: 'c', state, iss: other.url })}`)

  expect([page.status, browser.session]).toEqual([400, undefined])
})

test('S-102 a logout ends the session of an issuer that was removed from the policy', async () => {
  const browser = await browserOfRemovedIssuer()

  const page = await browser.visit(`${url}/.gatehouse/logout`, { headers: { 'sec-fetch-site': 'same-origin' } })

  expect([page.status, browser.session]).toEqual([200, undefined])
  expect(page.body).toContain('You are logged out')
})

test.each([
  ['is valid', 300],
  ['has expired', 1],
])(
  "S-102 if the access token of a removed issuer's session %s, the gate redirects pages to the login and reports no session",
  async (_, s) => {
    issuer.expiresInS = s
    const browser = await browserOfRemovedIssuer()

    const page = await browser.visit(`${url}/app/`, { redirects: 0 })
    const view = await browser.visit(`${url}/.gatehouse/session`)

    expect([page.status, page.field('location')]).toEqual([303, expect.stringContaining('/.gatehouse/login')])
    expect([view.status, JSON.parse(view.body).authenticated]).toEqual([200, false])
  },
)
