import { expect, test } from 'vitest'
import { readEvents } from '../../../gateway/cluster/event.ts'

// The reply to XREAD: a map in RESP3, which the driver flattens; a list of pairs in RESP2; null without events.

const text = (value: string) => Buffer.from(value, 'latin1')
const entry = (id: string, ...fields: string[]) => [text(id), fields.map(text)]
const entries = [entry('1-0', 'k', 'revoked', 'r', '\x00\xff', 'w', '1'), entry('2-0', 'k', 'beat')]

test.each([
  { protocol: 'RESP3', reply: [text('log'), entries] },
  { protocol: 'RESP2', reply: [[text('log'), entries]] },
])('events of a $protocol reply are parsed', ({ reply }) => {
  expect(readEvents(reply)).toEqual([
    { position: '1-0', kind: 'revoked', payload: Buffer.from([0, 255]), awaited: true },
    { position: '2-0', kind: 'beat', payload: Buffer.alloc(0), awaited: false },
  ])
})

test('a null reply has no events', () => {
  expect(readEvents(null)).toEqual([])
})

test.each([{ reply: 'OK' }, { reply: [] }, { reply: [text('log')] }])('the reply $reply is a fault', ({ reply }) => {
  expect(() => readEvents(reply)).toThrow('unexpected reply')
})
