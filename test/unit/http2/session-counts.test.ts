import { expect, test } from 'vitest'
import { SessionCounts } from '../../../gateway/http2/session-counts.ts'
import { CANCELS } from '../../../gateway/http2/session-limits.ts'

/** An IPv4 address. */
const addressOf = (i: number): Uint8Array => Uint8Array.of(10, i >> 16, (i >> 8) & 255, i & 255)

test('the HTTP/2 listener keeps the cancellation budgets of at most 65,536 addresses without a connection', () => {
  const counts = new SessionCounts({
    maxSessions: 10,
    maxSessionsPerAddress: 10,
    isProxy: () => false,
    isKnown: () => true,
    now: () => 0,
  })
  const cancelAll = (from: number, to: number): void => {
    for (let i = from; i < to; i++) {
      const peer = counts.open(addressOf(i))
      if (typeof peer === 'string') throw new Error(peer)
      peer.cancels.take(CANCELS.burst + 1, 0)
      counts.close(peer)
    }
  }
  cancelAll(0, 65_536)
  counts.sweep()
  expect(counts.open(addressOf(0))).toBe('cancel-flood')

  cancelAll(65_536, 65_537)
  counts.sweep()
  expect(counts.open(addressOf(0))).not.toBe('cancel-flood')
})
