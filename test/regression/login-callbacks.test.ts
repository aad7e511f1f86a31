// S-140: concurrent login callbacks from one address. Valid codes create sessions; forged codes do not delay other
// clients.

import { expect, test } from 'vitest'
import { type CodeGate, startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { until } from '../kit/until.ts'

const PER_ADDRESS = 4
const BURST = 5
/** Maximum number of concurrent code exchanges. RESERVED of them are reserved for known addresses. */
const AT_ONCE = 32
const RESERVED = 8

/** Makes the issuer delay its reply to every code exchange until the returned function is called. */
const hold = ({ issuer }: CodeGate): (() => void) => issuer.holdExchanges()

test('S-140 if more valid login replies than the failure limit of an address arrive from this address, the surplus waits in a queue, and all of them log in', async () => {
  const gate = await startCodeGate({
    settings: { limits: { address: { per_second: 0.1, burst: BURST } } },
    login: { timeout: '30s' },
  })
  const release = hold(gate)
  const logins = Array.from({ length: 4 * BURST }, () => gate.enter(new HttpBrowser(), { redirects: 0 }))
  await until('the address has all its concurrent exchanges', () => gate.issuer.exchanging === PER_ADDRESS)
  release()
  const pages = await Promise.all(logins)

  expect(new Set(pages.map(({ status }) => status))).toEqual(new Set([303]))
  expect(gate.issuer.exchangingMost).toBeLessThanOrEqual(PER_ADDRESS)
})

test('S-140 the gate refreshes a session while the issuer delays its replies to forged login codes from one address', async () => {
  const gate = await startCodeGate({ login: { timeout: '30s' } })
  const { issuer, url, enter } = gate
  issuer.expiresInS = 2
  const user = new HttpBrowser()
  expect((await enter(user)).status).toBe(200)
  issuer.expiresInS = 300
  const release = hold(gate)
  const forged = Array.from({ length: 60 }, () => enter(new HttpBrowser()))
  await until('forged codes are being exchanged', () => issuer.exchanging >= PER_ADDRESS)

  const refreshed = () => issuer.asked.some((form) => form.get('grant_type') === 'refresh_token')
  await until(
    'the session is refreshed',
    async () => (await user.visit(`${url}/app/`)).status === 200 && refreshed(),
    20_000,
  )
  expect(issuer.exchanging).toBeGreaterThan(0)

  release()
  await Promise.all(forged)
})

/** Logs in from a client address that a trusted proxy states. Does not follow the last redirect. */
async function enterFrom(address: string, { url, callback, issuer }: CodeGate): Promise<HttpBrowser> {
  const browser = new HttpBrowser()
  const options = { redirects: 0, headers: { 'x-forwarded-for': address } }
  const start = await browser.visit(`${url}/.gatehouse/login?return_to=/app/`, options)
  const { state, nonce } = issuer.pending(start.field('location')!)
  await browser.visit(
    `${callback}?${new URLSearchParams({ code: `code-for.${nonce}`, state, iss: issuer.url })}`,
    options,
  )
  return browser
}

test('S-140 a client with a known address can log in while the gate exchanges login codes from many unknown addresses', async () => {
  const gate = await startCodeGate({ settings: { proxies: ['127.0.0.0/8'] }, login: { timeout: '30s' } })
  const { issuer, url } = gate
  const home = '198.51.100.1'
  const user = await enterFrom(home, gate)
  const headers = { 'x-forwarded-for': home }
  expect((await user.visit(`${url}/app/`, { redirects: 0, headers })).status).toBe(200)
  const release = hold(gate)
  const strangers = Array.from({ length: 40 }, (_, i) => enterFrom(`192.0.2.${i + 1}`, gate))
  await until(
    'unknown addresses have all exchanges that are not reserved',
    () => issuer.exchanging === AT_ONCE - RESERVED,
  )

  const again = enterFrom(home, gate)

  await until('the issuer has received the code of the user', () => issuer.exchanging === AT_ONCE - RESERVED + 1)
  release()
  expect((await again).session).toEqual(expect.any(String))
  await Promise.all(strangers)
})
