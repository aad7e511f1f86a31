// Logouts work even when the nodes have `revocation.max_entries` revocations.

import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { writeRecord } from '../../gateway/revocation/record.ts'
import { RevocationStore } from '../../gateway/revocation/revocation-store.ts'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { readMetrics } from '../kit/metrics.ts'
import { redisSettingsFor, testLink } from '../kit/redis.ts'
import { until } from '../kit/until.ts'

// Two nodes share the port. A logout at one node applies on both nodes.
const gate = await startCodeGate({ nodes: 2, settings: { revocation: { max_staleness: '10s', max_entries: 1000 } } })
const { url, issuer, nodes, enter } = gate
const link = await testLink(redisSettingsFor(gate.redisPort))
const nowS = Math.floor(Date.now() / 1000)
const records = Array.from({ length: 1000 }, () => writeRecord(randomBytes(16), nowS, nowS + 3600))
await new RevocationStore(link.store, link.keys).restore(Buffer.concat(records), nowS)
for (const { adminPort } of nodes) {
  await until(
    'the node holds revocation.max_entries revocations',
    async () => (await readMetrics(adminPort)).sum('gatehouse_revocations') === 1000,
  )
}

async function loggedIn(sub: string, sid: string): Promise<HttpBrowser> {
  issuer.idToken = { claims: { sub, sid } }
  const browser = new HttpBrowser()
  await enter(browser)
  return browser
}

/** Statuses of 12 requests of the browser, each over a new connection, so that both nodes get some of them. */
async function statuses(browser: HttpBrowser): Promise<Set<number>> {
  const pages = await Promise.all(
    Array.from({ length: 12 }, () => browser.visit(`${url}/app/`, { redirects: 0, headers: { connection: 'close' } })),
  )
  return new Set(pages.map(({ status }) => status))
}

/** Returns a second browser with a copy of the session cookie. A logout does not clear this copy. */
function thief(browser: HttpBrowser): HttpBrowser {
  const other = new HttpBrowser()
  other.session = browser.session!
  return other
}

test('when revocation.max_entries is reached, a browser logout works, and every node rejects a copy of its session cookie', async () => {
  const browser = await loggedIn('alice', 'sid-1')
  const kept = thief(browser)
  expect(await statuses(kept)).toEqual(new Set([200]))

  const page = await browser.visit(`${url}/.gatehouse/logout`, {
    redirects: 0,
    headers: { 'sec-fetch-site': 'same-origin' },
  })

  expect([page.status, browser.session]).toEqual([303, undefined])
  await until('both nodes reject the session', async () => !(await statuses(kept)).has(200))
})

test.each([
  ['one session (sid)', { sub: 'bob', sid: 'sid-2' }],
  ['one person (sub)', { sub: 'carol', sid: undefined }],
])('a back-channel logout of %s works when revocation.max_entries is reached', async (_, claims) => {
  const browser = await loggedIn(claims.sub, claims.sid ?? 'sid-3')
  expect(await statuses(browser)).toEqual(new Set([200]))

  const reply = await browser.visit(`${url}/.gatehouse/backchannel-logout`, {
    method: 'POST',
    form: { logout_token: issuer.logoutToken({ claims }) },
    headers: { accept: '*/*' },
  })

  expect([reply.status, await statuses(browser)]).toEqual([200, new Set([303])])
})
