import { createServer } from 'node:http'
import { afterEach, expect, test, vi } from 'vitest'
import { clock } from '../../../gateway/doctor/checks/clock.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { startIssuer } from '../../kit/issuer.ts'
import { testPolicy } from '../../kit/policy.ts'
import { freePort, listen } from '../../kit/ports.ts'
import { testRedis } from '../../kit/redis.ts'
import { findingsOf } from './findings-of.ts'

// `gatehouse doctor` compares the clock of this machine with the command TIME of a real Redis, and with the field Date of
// an issuer. Only the clock of this process is moved.

const { port } = await testRedis()
const issuer = await startIssuer()
const dateless = createServer((_, response) => {
  response.sendDate = false
  response.end()
})
const datelessUrl = `http://127.0.0.1:${await listen(dateless)}`
atEnd(() => {
  dateless.closeAllConnections()
  dateless.close()
})
const minuteMs = 60_000
const movedMs = 10 * minuteMs

afterEach(() => void vi.restoreAllMocks())

/** Findings of the check of the clocks on a machine whose clock differs by `aheadMs` from the real time. */
async function clocksOf(aheadMs: number, { issuerUrl = issuer.url, redisPort = port } = {}) {
  const policy = testPolicy({ issuer: issuerUrl, orders: 'http://127.0.0.1:9' })
  const settings = { redis: { url: `redis://127.0.0.1:${redisPort}` } }
  // The moved clock runs, because a fixed time would count the duration of the check as a difference.
  const realNow = Date.now
  vi.spyOn(Date, 'now').mockImplementation(() => realNow() + aheadMs)
  return findingsOf({ checks: [clock], policy, settings })
}

test('on a machine with the right time, no clock check of `gatehouse doctor` fails, and each finding states the largest difference', async () => {
  for (const found of await clocksOf(0)) {
    expect(found).toMatchObject({ check: 'clock', result: 'ok', remedy: null })
    expect(found.detail).toMatch(/^differs by at most \d+ s$/)
  }
})

test.each([
  [movedMs, 'ahead of'],
  [-movedMs, 'behind'],
])(
  'if the clock of a machine differs by %i ms, the clock checks of `gatehouse doctor` with Redis and with the issuer fail and say: %s',
  async (aheadMs, direction) => {
    const findings = await clocksOf(aheadMs)

    expect(findings.map(({ subject, result }) => [subject, result])).toEqual([
      ['Redis', 'failed'],
      ['issuer main', 'failed'],
    ])
    for (const { detail, remedy } of findings) {
      expect(detail).toMatch(
        new RegExp(`^the clock of this machine is \\d+\\.\\d s ${direction} the clock of (Redis|issuer main)$`),
      )
      expect(remedy).toContain('synchronize the clocks')
    }
  },
)

test.each([
  ['whose reply has no field Date', datelessUrl, 'the reply of the issuer has no field Date'],
  ['at whose port nothing listens', `http://127.0.0.1:${freePort()}`, 'ECONNREFUSED'],
])('`gatehouse doctor` reports the clock of an issuer %s as unknown', async (_, issuerUrl, detail) => {
  const findings = await clocksOf(0, { issuerUrl })

  expect(findings).toMatchObject([
    { subject: 'Redis', result: 'ok' },
    { subject: 'issuer main', result: 'unknown', detail: expect.stringContaining(detail) },
  ])
  expect(findings[1]!.remedy).toBeTruthy()
})
