import { expect, test } from 'vitest'
import { windowText, windowToReset } from '../../../gateway/console/text/limit-window.ts'
import { chosenStreams, streamListQuery } from '../../../gateway/console/text/stream-selection.ts'
import { drainsWithoutUpstream, upstreamRows } from '../../../gateway/console/text/upstream-rows.ts'

const query = (text: string) => new URLSearchParams(text)

test.each([
  ['subject=alice', { subject: 'alice' }],
  ['subject=alice&issuer=main', { subject: 'alice', issuer: 'main' }],
  ['route=live', { route: 'live' }],
  ['', undefined],
  ['issuer=main', undefined],
  ['subject=alice&route=live', undefined],
  ['route=live&issuer=main', undefined],
  ['subject=alice&node=node-a', undefined],
  ['route=live&node=node-a', undefined],
])('the console offers to end all streams of the filters "%s" only as %j', (text, selected) => {
  expect(chosenStreams(query(text))).toEqual(selected)
})

test('the console asks the admin API for streams by subject, issuer and route, and selects the node itself', () => {
  expect(streamListQuery(query('subject=alice&node=node-a&other=1'))).toEqual({ subject: 'alice' })
})

const owner = { issuer: 'https://idp.test' }

test.each([
  [
    { ...owner, subject: 'alice' },
    { ...owner, subject: 'alice' },
  ],
  [
    { route: 'r', address: '192.0.2.7' },
    { route: 'r', address: '192.0.2.7' },
  ],
  [{ address: '2001:db8:0:1::/64' }, { address: '2001:db8:0:1::' }],
  [
    { ...owner, 'claim org.id': 7, 'claim tier': null },
    { ...owner, claims: { 'org.id': 7, tier: null } },
  ],
  [{}, {}],
])('the console resets the window of %j with the call %j', (bucket, body) => {
  expect(windowToReset({ limit: 'gate/all', bucket })).toEqual({ limit: 'gate/all', ...body })
})

test.each([
  { ...owner, subject: null },
  { issuer: null, client: 'web' },
  { ...owner, 'sha256 subject': 'ab12' },
  { ...owner, 'sha256 claim tier': 'ab12' },
  { planet: 'mars' },
])('the console offers no reset of the window of %j, which a call cannot name', (bucket) => {
  expect(windowToReset({ limit: 'gate/all', bucket })).toBeUndefined()
})

test('the console writes the key of a window as names and values', () => {
  expect(windowText({ subject: 'alice', 'claim org.id': 7 })).toBe('subject=alice claim org.id=7')
})

test('the console offers one change for each upstream, and knows the last upstream of a service in service', () => {
  const upstream = (service: string, name: string, address: string | null = null) => ({
    service,
    upstream: name,
    address,
    weight: 1,
    state: 'up' as const,
    calls: 0,
    connections: 0,
    check: null,
  })
  const drain = { service: 'a', upstream: 'http://two', until: null }
  const left = { ...drain, upstream: 'http://gone' }
  const document = {
    node: 'node-a',
    upstreams: [
      upstream('a', 'http://one', '192.0.2.1'),
      upstream('a', 'http://one', '192.0.2.2'),
      upstream('a', 'http://two'),
      upstream('b', 'http://two'),
      upstream('b', 'http://three'),
    ],
    drains: [drain, left],
  }
  expect(upstreamRows(document).map(({ isFirst, isLast, drain: found }) => [isFirst, isLast, found])).toEqual([
    [true, true, undefined],
    [false, true, undefined],
    [true, false, drain],
    [true, false, undefined],
    [true, false, undefined],
  ])
  expect(drainsWithoutUpstream(document)).toEqual([left])
})
