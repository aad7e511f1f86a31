// The revocation of all sessions of a person compares times that the clocks of different nodes have set. Therefore a
// logout also revokes every session by its own id.

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

/** Offset of the fast clock, s. Larger than `clock_tolerance`, the offset that revocations tolerate. */
const AHEAD_S = 120

// Two nodes share the port. Both nodes have the session in memory before the session is ended.
const gate = await startCodeGate({ nodes: 2 })
const { url, issuer, enter } = gate
const link = await testLink(redisSettingsFor(gate.redisPort))
const secret = Buffer.from(loginSecrets.TEST_ENCRYPTION_KEY, 'base64url')
const sealer = new Sealer([{ id: 'seal-1', secret }])
const store = new SessionStore(link.store, link.keys, sealer)

/** Creates a session as if by a node whose clock is `AHEAD_S` ahead. @returns a browser with its cookie */
async function sessionFromFastNode(subject: string, sid: string): Promise<HttpBrowser> {
  issuer.idToken = { claims: { sub: subject, sid } }
  const template = new HttpBrowser()
  await enter(template, { redirects: 0 })
  const cookies = new CookieValues(sealer)
  const found = await store.read(cookies.read(template.session!, url)!.id)
  const { session } = found!
  const { value, id } = cookies.mint()
  const createdAtS = session.createdAtS + AHEAD_S
  await store.create({ ...session, id, createdAtS, version: 1, revocation: noRevocationLookup() }, Date.now())
  const browser = new HttpBrowser()
  browser.session = value
  expect(await statuses(browser)).toEqual(new Set([200]))
  return browser
}

async function statuses(browser: HttpBrowser): Promise<Set<number>> {
  const visit = async () =>
    (await browser.visit(`${url}/app/`, { redirects: 0, headers: { connection: 'close' } })).status
  return new Set(await Promise.all(Array.from({ length: 16 }, visit)))
}

test.each([
  ['its sid', (sub: string, sid: string) => ({ sub, sid })],
  ['its sub', (sub: string) => ({ sub })],
])(
  'a session from a node whose clock is 120 s ahead is ended at every node by a back-channel logout of %s',
  async (_, claimsOf) => {
    const [sub, sid] = [randomBytes(8).toString('hex'), randomBytes(8).toString('hex')]
    const browser = await sessionFromFastNode(sub, sid)
    const token = issuer.logoutToken({ claims: claimsOf(sub, sid) })

    const sent = { method: 'POST', form: { logout_token: token }, headers: { accept: '*/*' } }
    expect((await browser.visit(`${url}/.gatehouse/backchannel-logout`, sent)).status).toBe(200)

    expect(await statuses(browser)).toEqual(new Set([303]))
  },
)
