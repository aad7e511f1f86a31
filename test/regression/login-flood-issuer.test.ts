// S-140: logins that are only started, or that are completed with forged codes, cause a limited number of requests to
// the issuer.

import { expect, test } from 'vitest'
import { type EnterOptions, startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'

const BURST = 5
// An address gets one more attempt every 10 s, the lowest rate that the settings allow.
const strict = { limits: { address: { per_second: 0.1, burst: BURST } }, proxies: ['127.0.0.0/8'] }
const gate = await startCodeGate({ settings: strict })
const { url, issuer, enter } = gate

/** Each test has its own client address, which a listed proxy states. */
const from = (address: string) => ({ 'x-forwarded-for': address })

async function startStatus(headers: Readonly<Record<string, string>>): Promise<number> {
  return (await new HttpBrowser().visit(`${url}/.gatehouse/login`, { redirects: 0, headers })).status
}

/** Logs in with this reply until the start of a login gets 429. @returns the number of logins that got 403 */
async function failedLogins(headers: Readonly<Record<string, string>>, options: EnterOptions = {}): Promise<number> {
  let charged = 0
  while ((await startStatus(headers)) !== 429) {
    // On a busy machine the limit permits more attempts while the test runs, but fewer than twice the burst.
    expect(charged).toBeLessThan(2 * BURST)
    expect((await enter(new HttpBrowser(), { ...options, headers })).status).toBe(403)
    charged++
  }
  return charged
}

test('S-140 the gate charges pushed authorization requests to the client address, even for concurrent logins', async () => {
  const pushing = await startCodeGate({ settings: strict })
  pushing.issuer.pushes = true
  const startLogin = async () =>
    (await new HttpBrowser().visit(`${pushing.url}/.gatehouse/login`, { redirects: 0 })).status

  const statuses = await Promise.all(Array.from({ length: 8 * BURST }, startLogin))

  const started = statuses.filter((status) => status === 303)
  expect(started.length).toBeGreaterThanOrEqual(BURST)
  expect(started.length).toBeLessThan(2 * BURST)
  expect(new Set(statuses)).toEqual(new Set([303, 429]))
  expect(pushing.issuer.pushed).toHaveLength(started.length)
})

test('S-140 a login that starts without a request to the issuer is not charged to the client address', async () => {
  const headers = from('192.0.2.1')
  for (let i = 0; i < 4 * BURST; i++) expect(await startStatus(headers)).toBe(303)
})

test('S-140 the gate charges forged login codes to the client address, and then rejects login replies from this address without calling the issuer', async () => {
  const headers = from('192.0.2.2')
  issuer.failure = { status: 400, body: '{"error":"invalid_grant"}' }

  const charged = await failedLogins(headers)

  issuer.failure = undefined
  expect(charged).toBeGreaterThanOrEqual(BURST)
  expect(charged).toBeLessThan(2 * BURST)
  expect(issuer.asked).toHaveLength(charged)
})

test('S-140 error responses of a login are charged to the client address, and their text is truncated in the log', async () => {
  const headers = from('192.0.2.3')
  const asked = issuer.asked.length

  const charged = await failedLogins(headers, { reply: { code: undefined, error: `e${'x'.repeat(4000)}` } })

  expect(charged).toBeGreaterThanOrEqual(BURST)
  expect(charged).toBeLessThan(2 * BURST)
  expect(issuer.asked).toHaveLength(asked)
  const line = await gate.nodes[0]!.waitForLine(
    ({ msg, problem }) => msg === 'login refused' && String(problem).startsWith('the issuer returned'),
  )
  expect(line['problem']).toMatch(/^the issuer returned error ex+$/)
  expect(String(line['problem']).length).toBeLessThanOrEqual(200)
})
