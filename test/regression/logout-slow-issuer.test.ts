// A logout must end the session before the gate fetches the end-session endpoint from the issuer.

import { expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { loginNode } from '../kit/login-gate.ts'
import { until } from '../kit/until.ts'

const { url, issuer, nodes, orders, redisPort, enter } = await startCodeGate()
const node = nodes[0]!

/** Changes the policy entry of the issuer, so that its new login client fetches the issuer metadata again. */
async function forgetMetadata(): Promise<void> {
  const port = Number(new URL(url).port)
  const { policy } = loginNode({ issuer: issuer.url, orders: orders.url, redisPort, port, login: { timeout: '29s' } })
  const revision = node.writePolicy(policy)
  node.reload()
  await node.waitForLine((line) => line['revision'] === revision)
}

test('a logout ends the session while the gate still waits for the metadata of a silent issuer', async () => {
  const browser = new HttpBrowser()
  await enter(browser, { redirects: 0 })
  const thief = new HttpBrowser()
  thief.session = browser.session!
  expect((await thief.visit(`${url}/app/`, { redirects: 0 })).status).toBe(200)
  let release: (() => void) | undefined
  const held = new Promise<void>((done) => {
    release = done
  })
  issuer.answer('discovery', { held })
  await forgetMetadata()
  let isAnswered = false

  const headers = { 'sec-fetch-site': 'same-origin' }
  const loggedOut = browser.visit(`${url}/.gatehouse/logout`, { redirects: 0, headers }).finally(() => {
    isAnswered = true
  })

  try {
    await until('the copied cookie is rejected, or the logout has replied', async () => {
      return (await thief.visit(`${url}/app/`, { redirects: 0 })).status === 303 || isAnswered
    })
    expect(isAnswered).toBe(false)
  } finally {
    release?.()
  }
  const { status, field } = await loggedOut
  expect([status, field('location')]).toEqual([303, expect.stringContaining(`${issuer.url}/end`)])
})
