// S-140: logins that are only started, or that are completed with forged codes, cause a limited number of requests to
// the issuer.

import { expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'

const BURST = 5
const strict = { limits: { address: { per_second: 0.1, burst: BURST } } }

test('S-140 the gate charges pushed authorization requests to the client address, even for concurrent logins', async () => {
  const { url, issuer } = await startCodeGate({ settings: strict })
  issuer.pushes = true
  const startLogin = async () => (await new HttpBrowser().visit(`${url}/.gatehouse/login`, { redirects: 0 })).status

  const statuses = await Promise.all(Array.from({ length: 8 * BURST }, startLogin))

  const started = statuses.filter((status) => status === 303)
  expect(started.length).toBeGreaterThanOrEqual(BURST)
  // The address limit allows one more login every 10 seconds. Only a busy machine needs that long for this test.
  expect(started.length).toBeLessThan(2 * BURST)
  expect(new Set(statuses)).toEqual(new Set([303, 429]))
  expect(issuer.pushed).toHaveLength(started.length)
})

test('S-140 a login that starts without a request to the issuer is not charged to the client address', async () => {
  const { url } = await startCodeGate({ settings: strict })
  for (let i = 0; i < 4 * BURST; i++) {
    expect((await new HttpBrowser().visit(`${url}/.gatehouse/login`, { redirects: 0 })).status).toBe(303)
  }
})

test('S-140 the gate charges forged codes to the client address, and then rejects logins without calling the issuer', async () => {
  const { url, issuer, enter } = await startCodeGate({ settings: strict })
  issuer.failure = { status: 400, body: '{"error":"invalid_grant"}' }
  const startStatus = async () => (await new HttpBrowser().visit(`${url}/.gatehouse/login`, { redirects: 0 })).status
  let charged = 0
  // The address limit allows one more attempt every 10 seconds. Only a busy machine needs that long for this test.
  for (let status = await startStatus(); status !== 429 && charged < 2 * BURST; status = await startStatus()) {
    expect((await enter(new HttpBrowser())).status).toBe(403)
    charged++
  }

  expect(await startStatus()).toBe(429)
  expect(charged).toBeGreaterThanOrEqual(BURST)
  expect(charged).toBeLessThan(2 * BURST)
  expect(issuer.asked).toHaveLength(charged)
})

test('S-140 error responses of a login are charged to the client address, and their text is truncated in the log', async () => {
  const { url, issuer, enter, nodes } = await startCodeGate({ settings: strict })
  const startStatus = async () => (await new HttpBrowser().visit(`${url}/.gatehouse/login`, { redirects: 0 })).status
  const reply = { code: undefined, error: `e${'x'.repeat(4000)}` }
  let charged = 0
  // The address limit allows one more attempt every 10 seconds. Only a busy machine needs that long for this test.
  for (let status = await startStatus(); status !== 429 && charged < 2 * BURST; status = await startStatus()) {
    expect((await enter(new HttpBrowser(), { reply })).status).toBe(403)
    charged++
  }

  expect(await startStatus()).toBe(429)
  expect(charged).toBeGreaterThanOrEqual(BURST)
  expect(charged).toBeLessThan(2 * BURST)
  expect(issuer.asked).toEqual([])
  const line = await nodes[0]!.waitForLine(({ msg }) => msg === 'login refused')
  expect(line['problem']).toMatch(/^the issuer returned error ex+$/)
  expect(String(line['problem']).length).toBeLessThanOrEqual(200)
})
