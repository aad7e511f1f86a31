// An order to end the sessions of a person compares clocks of nodes. Sessions are therefore ended by their own ids as well.

import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { Sealer } from '../../gateway/base/sealer.ts'
import { noRevocationLookup } from '../../gateway/oauth/token-facts.ts'
import { CookieValues } from '../../gateway/sessions/cookie-value.ts'
import { SessionStore } from '../../gateway/sessions/session-store.ts'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { loginSecrets } from '../kit/login-gate.ts'
import { redisSettingsFor, testLink } from '../kit/redis.ts'
import { until } from '../kit/until.ts'

/** More than `clock_tolerance`, which orders allow for. */
const AHEAD_S = 120

// Two nodes share the port, and both have the session in memory before it is ended.
const gate = await startCodeGate({ nodes: 2 })
const { url, issuer, enter } = gate
const link = await testLink(redisSettingsFor(gate.redisPort))
const secret = Buffer.from(loginSecrets.TEST_ENCRYPTION_KEY, 'base64url')
const sealer = new Sealer([{ id: 'seal-1', secret }])
const store = new SessionStore(link.store, link.keys, sealer)

/** A session that a node began whose clock is ahead. */
async function sessionFromAhead(subject: string, sid: string): Promise<HttpBrowser> {
  issuer.idToken = { claims: { sub: subject, sid } }
  const template = new HttpBrowser()
  await enter(template, { redirects: 0 })
  const cookies = new CookieValues(sealer)
  const found = await store.read(cookies.idOf(template.session!)!)
  const { session } = found!
  const { value, id } = cookies.mint()
  const createdAtS = session.createdAtS + AHEAD_S
  await store.create({ ...session, id, createdAtS, version: 1, revocation: noRevocationLookup() }, Date.now())
  const browser = new HttpBrowser()
  browser.session = value
  await until('both nodes admit it', async () => [...(await statuses(browser))].join() === '200')
  return browser
}

async function statuses(browser: HttpBrowser): Promise<Set<number>> {
  const visit = async (): Promise<number> => {
    const { status } = await browser.visit(`${url}/app/`, { redirects: 0, headers: { connection: 'close' } })
    // On a busy machine Redis can miss the deadline of a call: that is no verdict about the session.
    return status === 503 ? visit() : status
  }
  return new Set(await Promise.all(Array.from({ length: 16 }, visit)))
}

test.each([
  ['its sid', (sub: string, sid: string) => ({ sub, sid })],
  ['its person', (sub: string) => ({ sub })],
])('a session from a node with a fast clock is ended at every node by a back-channel logout of %s', async (_, of) => {
  const [sub, sid] = [randomBytes(8).toString('hex'), randomBytes(8).toString('hex')]
  const browser = await sessionFromAhead(sub, sid)
  const token = issuer.logoutToken({ claims: of(sub, sid) })

  await until('the logout is received', async () => {
    const sent = { method: 'POST', form: { logout_token: token }, headers: { accept: '*/*' } }
    return (await browser.visit(`${url}/.gatehouse/backchannel-logout`, sent)).status === 200
  })

  expect(await statuses(browser)).toEqual(new Set([303]))
})
