// S-140: many callbacks of one address at once. Whoever brings good codes is let in; made-up codes delay nobody else.

import { expect, test } from 'vitest'
import { type CodeGate, startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { until } from '../kit/until.ts'

const PER_ADDRESS = 4
const BURST = 5

/** Code exchanges of the issuer get no reply until the result is called. */
function hold({ issuer }: CodeGate): () => void {
  let release = (): void => {}
  issuer.exchangingMost = 0
  issuer.hold = new Promise((resolve) => {
    release = resolve
  })
  return release
}

test('S-140 more good callbacks of one address than its limit of failures wait in turn, and all log in', async () => {
  const gate = await startCodeGate({
    settings: { limits: { address: { per_second: 0.1, burst: BURST } } },
    login: { timeout: '30s' },
  })
  const release = hold(gate)
  const logins = Array.from({ length: 4 * BURST }, () => gate.enter(new HttpBrowser(), { redirects: 0 }))
  await until('the address has its turns', () => gate.issuer.exchanging === PER_ADDRESS)
  release()
  const pages = await Promise.all(logins)

  // On a busy machine Redis can miss the deadline of a call: 503. None is refused.
  const statuses = pages.map(({ status }) => status).filter((status) => status !== 503)
  expect(new Set(statuses)).toEqual(new Set([303]))
  expect(statuses.length).toBeGreaterThan(2 * BURST)
  expect(gate.issuer.exchangingMost).toBeLessThanOrEqual(PER_ADDRESS)
})

test('S-140 while made-up codes of one address are being exchanged, a session is refreshed', async () => {
  const gate = await startCodeGate({ login: { timeout: '30s' } })
  const { issuer, url, enter } = gate
  issuer.expiresInS = 2
  const user = new HttpBrowser()
  expect((await enter(user)).status).toBe(200)
  issuer.expiresInS = 300
  const release = hold(gate)
  const made = Array.from({ length: 60 }, () => enter(new HttpBrowser()))
  await until('codes are being exchanged', () => issuer.exchanging >= PER_ADDRESS)

  const refreshed = () => issuer.asked.some((form) => form.get('grant_type') === 'refresh_token')
  await until(
    'the session is refreshed',
    async () => (await user.visit(`${url}/app/`)).status === 200 && refreshed(),
    20_000,
  )
  expect(issuer.exchanging).toBeGreaterThan(0)

  release()
  await Promise.all(made)
})
