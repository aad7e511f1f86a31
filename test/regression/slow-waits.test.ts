// A client must not get 401 because the gate waited for a long time. Before the fix, a credential was compared with the
// arrival time of the request. After a slow refresh, the new access token then seemed to be issued in the future.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { HttpBrowser } from '../kit/http-browser.ts'
import { startIssuer } from '../kit/issuer.ts'
import { logIn, startLoginGate } from '../kit/login-gate.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

const HELD_MS = 2500

test('a request that waits longer than clock_tolerance for a session refresh is admitted with the new access token', async () => {
  const { url, provider, node } = await startLoginGate({
    main: { clock_tolerance: '0s' },
    login: { scopes: ['openid', 'offline_access', 'orders:read'], timeout: '30s' },
  })
  provider.accessTokenS = 3
  const browser = new HttpBrowser()
  expect((await logIn(browser, `${url}/app/1`)).status).toBe(200)
  provider.accessTokenS = 300
  provider.tokenDelayMs = HELD_MS
  await sleep(3100)

  const { status } = await browser.visit(`${url}/app/refreshed`)

  const record = await node.waitForRecord(({ path }) => path === '/app/refreshed')
  expect(record).toMatchObject({ reason: 'admitted', status: 200 })
  expect(status).toBe(200)
  expect(Number(record['gate_ms'])).toBeGreaterThan(HELD_MS - 1000)
})

test('a token that expires while the gate fetches the issuer keys gets 503, and the failure is not charged to the client address', async () => {
  const issuer = await startIssuer()
  const upstream = await startUpstream()
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  issuer.answer('keys', { held: released })
  const node = await startNode({
    policy: testPolicy({ issuer: issuer.url, orders: upstream.url, main: { clock_tolerance: '0s' } }),
    settings: { limits: { address: { per_second: 0.1, burst: 1 } } },
  })
  const get = async (token: string) => {
    const { status } = await fetch(`http://127.0.0.1:${node.port}/orders/1`, {
      headers: { authorization: `Bearer ${token}` },
    })
    return status
  }
  const expiresMs = (Math.floor(Date.now() / 1000) + 2) * 1000
  const late = get(issuer.sign({ claims: { exp: expiresMs / 1000 } }))
  await until('the token has expired', () => Date.now() > expiresMs)
  release()

  expect(await late).toBe(503)
  expect(await node.waitForRecord(({ status }) => status === 503)).toMatchObject({ reason: 'expired-while-waiting' })
  // This token had expired when it arrived, which is the fault of the client and charged to the client address.
  expect(await get(issuer.sign({ claims: { exp: expiresMs / 1000 } }))).toBe(401)
  expect(await get(issuer.sign())).toBe(200)
})
