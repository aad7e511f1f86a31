import { expect, test } from 'vitest'
import { Expiries, type Expiry } from '../../../gateway/base/expiries.ts'
import { ExpiryWatch } from '../../../gateway/telemetry/expiry-watch.ts'
import { Metrics } from '../../../gateway/telemetry/metrics.ts'

// Warnings at 30, 7 and 1 days before the end, and at the end. The tests move the clock.

const dayMs = 24 * 60 * 60 * 1000
const startMs = Date.parse('2030-01-01T00:00:00Z')

function watchOf(...list: Expiry[]) {
  const expiries = new Expiries()
  expiries.add({ expiries: () => list })
  const lines: string[] = []
  const clock = { nowMs: startMs }
  const watch = new ExpiryWatch(
    expiries,
    (level, message, { kind, name }) => lines.push(`${level}: ${kind} ${name} ${message}`),
    () => clock.nowMs,
  )
  const at = (days: number): string[] => {
    clock.nowMs = startMs + days * dayMs
    watch.check()
    return lines.splice(0)
  }
  return { watch, at, list }
}

const inDays = (days: number, kind: Expiry['kind'] = 'certificate', name = 'api.example'): Expiry => ({
  kind,
  name,
  expiresAtMs: startMs + days * dayMs,
})

test('the expiry watch logs each threshold of a certificate once: 30, 7 and 1 days before its end, and its end', () => {
  const { at } = watchOf(inDays(40))

  expect(at(0)).toEqual([])
  expect(at(9.9)).toEqual([])
  expect(at(10)).toEqual(['warn: certificate api.example expires within 30 days'])
  expect(at(11)).toEqual([])
  expect(at(33)).toEqual(['warn: certificate api.example expires within 7 days'])
  expect(at(38.9)).toEqual([])
  expect(at(39)).toEqual(['warn: certificate api.example expires within 1 day'])
  expect(at(39.9)).toEqual([])
  expect(at(40)).toEqual(['error: certificate api.example expired'])
  expect(at(50)).toEqual([])
})

test('at the start of a node, the expiry watch logs only the most recent threshold that has passed', () => {
  expect(watchOf(inDays(0.5)).at(0)).toEqual(['warn: certificate api.example expires within 1 day'])
  expect(watchOf(inDays(-1)).at(0)).toEqual(['error: certificate api.example expired'])
})

test('the expiry watch logs the thresholds of each certificate or secret separately', () => {
  const { at } = watchOf(inDays(5, 'client-certificate', 'orders'), inDays(5, 'client-certificate', 'invoices'))

  expect(at(0)).toHaveLength(2)
  expect(at(1)).toEqual([])
})

test('the expiry watch logs a renewed certificate again at its next thresholds', () => {
  const { at, list } = watchOf(inDays(5))
  expect(at(0)).toHaveLength(1)

  list[0] = inDays(90)
  expect(at(1)).toEqual([])
  expect(at(61)).toEqual(['warn: certificate api.example expires within 30 days'])
  expect(at(84)).toEqual(['warn: certificate api.example expires within 7 days'])
})

test('the expiry watch logs an expiry that varies by milliseconds, such as that of issuer keys, only once', () => {
  const { at, list } = watchOf(inDays(0.9, 'issuer-keys', 'main'))
  expect(at(0)).toHaveLength(1)

  list[0] = { ...list[0]!, expiresAtMs: list[0]!.expiresAtMs + 1 }
  expect(at(0)).toEqual([])
})

test('the expiry watch does not log the expiry of refresh tokens, because it is exported as a metric', () => {
  const { watch, at } = watchOf(inDays(0.5, 'refresh-token', 'https://idp.test'))

  expect(at(0)).toEqual([])
  expect(new Metrics([watch]).text()).toContain(
    `gatehouse_expires_at_seconds{kind="refresh-token",name="https://idp.test"} ${startMs / 1000 + 43_200}`,
  )
})
