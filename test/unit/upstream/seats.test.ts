import { expect, test } from 'vitest'
import { parseAddress } from '../../../gateway/base/addresses.ts'
import { ConcurrencyLimiter, type Seated } from '../../../gateway/upstream/concurrency-limiter.ts'

const seat = (address?: string): Seated => ({
  client: address === undefined ? undefined : parseAddress(address),
  share: undefined,
})

/**
 * Requests slots for calls to an upstream for each client in turn, until a whole turn gets none.
 *
 * @returns number of slots that each client got
 */
function taken(
  clients: readonly (string | undefined)[],
  seats = new ConcurrencyLimiter('http://a.test', 1024),
): number[] {
  const got = clients.map(() => 0)
  for (let before = -1, sum = 0; sum > before; ) {
    before = sum
    for (const [i, client] of clients.entries()) {
      if (seats.take(seat(client)) !== undefined) continue
      got[i]!++
      sum++
    }
  }
  return got
}

test.each([
  ['one client', ['10.0.0.1'], [768]],
  ['two clients', ['10.0.0.1', '10.0.0.2'], [439, 439]],
  ['four clients', ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'], [237, 237, 236, 236]],
  ['one client with two addresses of its network', ['2001:db8::1', '2001:db8::2'], [384, 384]],
  ['an IPv4 client and an IPv6 client', ['10.0.0.1', '2001:db8::1'], [439, 439]],
  ['a client without an address', [undefined], [1024]],
])('with a limit of 1,024 concurrent calls to an upstream, %s (%j) can have %j calls', (_, clients, most) => {
  expect(taken(clients)).toEqual(most)
})

test.each([
  [1, 1],
  [2, 2],
  [4, 3],
  [8, 6],
])('with a limit of %d concurrent calls to an upstream, one client can have at most %d calls', (max, most) => {
  expect(taken(['10.0.0.1'], new ConcurrencyLimiter('http://a.test', max))).toEqual([most])
})

test('while one client has its maximum of concurrent calls to an upstream, a call of another client is still admitted', () => {
  const seats = new ConcurrencyLimiter('http://a.test', 1024)
  taken(['10.0.0.1'], seats)

  expect(seats.take(seat('10.0.0.1'))).toMatchObject({
    reason: 'upstream-full',
    retryable: true,
    message: 'http://a.test: the client already has 768 of 768 concurrent calls',
  })
  expect(seats.take(seat('10.0.0.2'))).toBeUndefined()
})

test.each([
  [341, undefined],
  [342, 'upstream-full'],
])(
  'while %d clients have their maximum of concurrent calls to an upstream, a call of another client is refused with: %s (undefined: admitted)',
  (count, reason) => {
    const seats = new ConcurrencyLimiter('http://a.test', 1024)
    taken(
      Array.from({ length: count }, (_, i) => `10.0.${i >> 8}.${i & 255}`),
      seats,
    )

    expect(seats.take(seat('10.1.0.0'))?.reason).toBe(reason)
  },
)

test('after calls to an upstream have ended, they no longer count for their client, even while other clients still have calls', () => {
  const seats = new ConcurrencyLimiter('http://a.test', 1024)
  const clients = Array.from({ length: 600 }, (_, i) => `10.${i % 7}.${i >> 8}.${i & 255}`)
  const held = clients.map((client) => seat(client))
  for (const one of held) seats.take(one)
  for (const one of held.filter((_, i) => i % 3 !== 0)) seats.leave(one)

  expect(taken(['10.9.9.9'], seats)).toEqual([618])
  for (const one of held) seats.leave(one)
  expect(taken(['10.9.9.9'], seats)).toEqual([150])
})

test('ending a call that was refused makes no room for another call to the upstream', () => {
  const seats = new ConcurrencyLimiter('http://a.test', 1024)
  taken([undefined], seats)
  const one = seat()
  expect(seats.take(one)).toMatchObject({ message: 'http://a.test: all 1024 calls are in use' })
  seats.leave(one)
  expect(seats.take(one)).toBeDefined()
})
