import { expect, test } from 'vitest'
import { readEvents } from '../../../gateway/cluster/event.ts'

// Forms of the reply to XREAD: in RESP3 a map, which the driver flattens; in RESP2 a list of pairs; null without
// events.

const text = (value: string) => Buffer.from(value, 'latin1')
const entry = (id: string, ...fields: string[]) => [text(id), fields.map(text)]
const entries = [entry('1-0', 'k', 'revoked', 'r', '\x00\xff', 'w', '1'), entry('2-0', 'k', 'beat')]

test.each([
  { protocol: 'RESP3', reply: [text('log'), entries] },
  { protocol: 'RESP2', reply: [[text('log'), entries]] },
])('a node parses the cluster events in a $protocol reply of Redis', ({ reply }) => {
  expect(readEvents(reply)).toEqual([
    { position: '1-0', kind: 'revoked', payload: Buffer.from([0, 255]), awaited: true },
    { position: '2-0', kind: 'beat', payload: Buffer.alloc(0), awaited: false },
  ])
})

test('a null reply of Redis to XREAD contains no cluster events', () => {
  expect(readEvents(null)).toEqual([])
})

test.each([{ reply: 'OK' }, { reply: [] }, { reply: [text('log')] }])(
  'a node throws an error for the reply $reply of Redis to XREAD',
  ({ reply }) => {
    expect(() => readEvents(reply)).toThrow('unexpected reply')
  },
)
