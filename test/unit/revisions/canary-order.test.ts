import { expect, test } from 'vitest'
import { chooseCanaryMembers, memberObstacles } from '../../../gateway/revisions/canary-order.ts'
import { countsSince } from '../../../gateway/revisions/rollout-counts.ts'
import type { EndedExchange } from '../../../gateway/telemetry/traffic.ts'
import { Traffic } from '../../../gateway/telemetry/traffic.ts'

const members = (count: number) => Array.from({ length: count }, (_, i) => ({ key: `n${i}~x` }))
const hash = 'a'.repeat(64)

test.each([
  [2, 1, 1],
  [2, 99, 1],
  [3, 25, 1],
  [4, 25, 1],
  [4, 26, 2],
  [5, 25, 2],
  [10, 99, 9],
])(
  'a policy canary on %i members with %i percent uses %i members: rounded up, at least one, never all',
  (count, percent, chosen) => {
    expect(chooseCanaryMembers(members(count), percent, hash)).toHaveLength(chosen)
  },
)

test('the choice of members for a policy canary does not depend on the order of the members, and differs between revisions', () => {
  const all = members(20)
  const chosen = chooseCanaryMembers(all, 25, hash)
  expect(chooseCanaryMembers(all.toReversed(), 25, hash)).toEqual(chosen)
  expect(chooseCanaryMembers(all, 25, 'b'.repeat(64))).not.toEqual(chosen)
})

test('a policy canary is refused in a cluster of one node, and the error for nodes of an older version names them', () => {
  const member = { key: 'n1~x', id: 'n1', eventKinds: ['policy-canary'] } as unknown as Parameters<
    typeof memberObstacles
  >[0][0]
  expect(memberObstacles([member])[0]!.message).toContain('needs two nodes')
  const older = { ...member, id: 'n2', eventKinds: ['policy'] }
  expect(memberObstacles([member, older])[0]!.message).toContain('version is older: n2')
  expect(memberObstacles([member, member])).toEqual([])
})

const exchange = (more: Partial<EndedExchange>): EndedExchange => ({
  route: { id: 'a' },
  reason: 'admitted',
  status: 200,
  startedAt: 1,
  forwardedAt: 2,
  repliedAt: 3,
  head: { version: '1.1', grpc: false },
  downstream: { bytesIn: 0, bytesOut: 0 },
  ...more,
})
const call = (grpcStatus: number, more: Partial<EndedExchange> = {}) =>
  exchange({ head: { version: '2', grpc: true }, downstream: { bytesIn: 0, bytesOut: 0, grpcStatus }, ...more })

test.each<[string, EndedExchange, readonly [number, number, number]]>([
  ['an admitted request', exchange({}), [1, 0, 0]],
  ['an error of the client that the service reports', exchange({ status: 404 }), [1, 0, 0]],
  ['an error of the service', exchange({ status: 500 }), [1, 0, 1]],
  ['a refused request', exchange({ reason: 'scope-missing', status: 403 }), [1, 1, 0]],
  ['a request that is sent to the login', exchange({ reason: 'login-begun', status: 303 }), [1, 1, 0]],
  ['a refused upgrade with 501', exchange({ reason: 'upgrade-unsupported', status: 501 }), [1, 1, 0]],
  ['a failure of the gate', exchange({ reason: 'upstream-unreachable', status: 502 }), [1, 0, 1]],
  ['a reply that the service cut off', exchange({ reason: 'reply-broken', status: 200 }), [1, 0, 1]],
  ['a client that disconnected', exchange({ reason: 'client-gone', status: 499 }), [1, 0, 0]],
  ['a gRPC call', call(0), [1, 0, 0]],
  ['a gRPC call that the service ended with UNAVAILABLE', call(14), [1, 0, 1]],
  ['a gRPC call that the gate ended with UNAVAILABLE', call(14, { reason: 'upstream-full', status: 503 }), [1, 0, 1]],
  ['a gRPC call that the gate refused', call(7, { reason: 'scope-missing', status: 403 }), [1, 1, 0]],
])(
  'in the traffic figures of a policy canary, %s counts once as request, and at most once as denial or fault',
  (_, ended, counts) => {
    const traffic = new Traffic()
    traffic.retain(['a'])
    traffic.count(exchange({ reason: 'upstream-full', status: 503 }))
    const before = traffic.outcomes()
    traffic.count(ended)
    expect(countsSince(before, traffic.outcomes())).toEqual([['a', counts]])
  },
)
