// S-100 on a running gate: a session outlives its access token, and concurrent requests cause one refresh.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { HttpBrowser } from '../kit/http-browser.ts'
import { logIn, startLoginGate } from '../kit/login-gate.ts'

test('20 concurrent requests with a session whose access token has expired cause one refresh, and all are admitted', async () => {
  const { url, provider, node, orders } = await startLoginGate({
    login: { scopes: ['openid', 'offline_access', 'orders:read'] },
  })
  provider.accessTokenS = 3
  const browser = new HttpBrowser()
  expect((await logIn(browser, `${url}/app/1`)).status).toBe(200)
  const cookies = browser.gateCookies
  const before = tokenCalls(provider.requests)
  provider.accessTokenS = 300
  await sleep(3100)
  const pages = await Promise.all(Array.from({ length: 20 }, (_, i) => browser.visit(`${url}/app/${i}`)))

  expect(pages.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
  expect(tokenCalls(provider.requests) - before).toBe(1)
  expect(browser.gateCookies).toEqual(cookies)
  expect(orders.requests.length).toBe(21)
  expect(node.log.filter(({ level }) => level === 'error')).toEqual([])
})

function tokenCalls(requests: readonly string[]): number {
  return requests.filter((request) => request === 'POST /token').length
}
